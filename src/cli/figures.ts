/** Numbers and times as people read them. Pure. */
import { duration as exactDuration } from "../lib/duration.ts";

/** `6:40`, `1:02:07`: how long something goes on. */
export function clockTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number): string => String(n).padStart(2, "0");
  return h === 0 ? `${m}:${two(s)}` : `${h}:${two(m)}:${two(s)}`;
}

/** `42s`, `12min`, `2h`, `3d`: how long ago. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** Of what goes on: `42 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. */
export const duration = (ms: number): string => exactDuration(ms, { coarse: true });

/** `1 file`, `2 files`. */
export const several = (n: number, one: string): string => `${n} ${one}${n === 1 ? "" : "s"}`;

/** `310`, `96k`, `1.2M`. */
export function count(n: number): string {
  if (n < 1000) return String(n);
  if (n < 999_500) return `${Math.round(n / 1000)}k`;
  return `${(n / 1_000_000).toFixed(1)}M`;
}

export function money(usd: number): string {
  return `$${usd.toFixed(2)}`;
}

/** `not known`: nobody told a price. `$1.20 and more`: not for all of it. */
export function costOf({ costUsd, unpricedTokens = 0 }: { costUsd: number; unpricedTokens?: number }): string {
  if (unpricedTokens === 0) return money(costUsd);
  return costUsd === 0 ? "not known" : `${money(costUsd)} and more`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(1)} KiB`;
  return n < 1024 ** 3 ? `${(n / 1024 / 1024).toFixed(1)} MiB` : `${(n / 1024 ** 3).toFixed(1)} GiB`;
}

/** `21:02:11` where the reader sits. */
export function timeOfDay(atMs: number): string {
  const at = new Date(atMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}
