/** Times, durations and numbers in words for a person. Pure: the present is an argument. */
import type { Usage } from "./shapes.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A running time: `0:07`, `12:08`, then `1:02 h`. */
export function running(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)} h`;
}

/** How long something is over, or lasted: `now`, `51 s`, `4 min`, `2 h`, `3 d`. */
export function age(ms: number): string {
  if (ms < 5000) return "now";
  if (ms < MINUTE) return `${Math.floor(ms / 1000)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  return ms < DAY ? `${Math.floor(ms / HOUR)} h` : `${Math.floor(ms / DAY)} d`;
}

/** The length of something that is over: `0.4 s`, `12 s`, `4 min 5 s`, `2 h 10 min`. */
export function lasted(ms: number): string {
  if (ms < 950) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return joined(Math.floor(seconds / 60), "min", seconds % 60, "s");
  return joined(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
}

const joined = (a: number, unitA: string, b: number, unitB: string): string =>
  b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;

const two = (n: number): string => String(n).padStart(2, "0");

/** `21:05` on the person's own clock. */
export function clock(ms: number): string {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function clockSeconds(ms: number): string {
  return `${clock(ms)}:${two(new Date(ms).getSeconds())}`;
}

/** `21:05` today, else with its day: `3 Feb, 21:05`. */
export function moment(ms: number, nowMs: number): string {
  return sameDay(ms, nowMs) ? clock(ms) : `${day(ms)}, ${clock(ms)}`;
}

export function day(ms: number): string {
  return new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

export function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

/** `950`, `18 k`, `3.1 M`. */
export function amount(n: number): string {
  if (n < 1000) return String(n);
  if (n < 100_000) return `${trimmed(n / 1000)} k`;
  return n < 1_000_000 ? `${Math.round(n / 1000)} k` : `${trimmed(n / 1_000_000)} M`;
}

const trimmed = (n: number): string => n.toFixed(1).replace(/\.0$/, "");

export function money(usd: number): string {
  return usd > 0 && usd < 0.01 ? "<$0.01" : `$${usd.toFixed(2)}`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${Math.round(n / 1024)} KB` : `${trimmed(n / 1024 / 1024)} MB`;
}

/** What an agent has cost: money where it is told, else tokens, else a dash. */
export function spent({ costUsd, input, output }: Usage): string {
  if (costUsd !== null) return money(costUsd);
  const tokens = (input ?? 0) + (output ?? 0);
  return tokens > 0 ? amount(tokens) : "—";
}

/** `1 agent`, `3 agents`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

export function firstLine(source: string): string {
  return (
    source
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? ""
  );
}

/** Digits in groups of three, for a careful reader. */
export function exact(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, " ");
}
