/**
 * What a fake really did, for a checker that does not believe the daemon: one JSON line an act in
 * `$FAKE_JOURNAL/<agent>.<pid>.jsonl`, written when the act is done and its bytes are out. Absent without FAKE_JOURNAL.
 * A file a process: two that write into one move each other's lines over the end of a page.
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TurnStart, Wire } from "./script.ts";

/** `at` is in ms of the box's running time: no clock that is set moves it, and all processes have the same. */
export type JournalRecord = { readonly pid: number; readonly at: number } & (
  | {
      readonly type: "started";
      readonly origin: string;
      /** The beginning of the input: enough to know it by. */
      readonly text: string;
      readonly key: string | null;
      /** Of the agent, counted from 1: whose folder its files are in. */
      readonly run: number;
    }
  /** `saying`: the bytes may be out, wholly, in part or not at all. `said`: all are. */
  | { readonly type: "saying" | "said"; readonly text: string }
  | { readonly type: "ended"; readonly outcome: string; readonly code: string | null }
  | { readonly type: "asked" | "answered"; readonly tool: string; readonly allow: boolean | null }
);

/** Of what is told, without who and when. */
type Told = JournalRecord extends infer R ? (R extends unknown ? Omit<R, "pid" | "at"> : never) : never;

export const TEXT_KEPT = 120;

/** A SIGKILL can cut a write(2) short where one page of the file ends and the next begins, nowhere else. */
const PAGE = 4096;

/** How many bytes to fill up first, so that a line lies in one page: it is there, or it is not. */
export function toPage(size: number, length: number): number {
  const used = size % PAGE;
  return used + length > PAGE ? PAGE - used : 0;
}

/** Of the box, to 10 ms: no clock that is set moves it (proc(5)). The runtime's own begin with each process. */
export function runningMs(): number {
  return Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
}

/** What all processes of an agent told, in the order of its happening. */
export function readJournals(folder: string): Record<string, JournalRecord[]> {
  const found: Record<string, JournalRecord[]> = {};
  for (const name of readdirSync(folder)) {
    const [agent = ""] = name.split(".");
    // Each line was written in one write into one page; between them may be filling.
    const lines = readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean);
    (found[agent] ??= []).push(...lines.map((line): JournalRecord => JSON.parse(line)));
  }
  for (const records of Object.values(found)) records.sort((a, b) => a.at - b.at);
  return found;
}

export function journaled(wire: Wire): Wire {
  const folder = process.env["FAKE_JOURNAL"];
  if (folder === undefined) return wire;
  const run = Number(process.env["AH_RUN"]);
  const path = join(folder, `${process.env["AH_AGENT_ID"] ?? "nobody"}.${process.pid}.jsonl`);
  const tell = (record: Told): void => {
    const file = openSync(path, "a");
    const line = `${JSON.stringify({ pid: process.pid, at: runningMs(), ...record })}\n`;
    writeSync(file, `${"\n".repeat(toPage(fstatSync(file).size, Buffer.byteLength(line)))}${line}`);
    closeSync(file);
  };
  /** Said while the line was cut: its rest is still kept back. */
  let kept: string[] | null = null;
  return {
    ...wire,
    async turnStart(turn: TurnStart) {
      const { origin, text, key } = turn;
      tell({ type: "started", origin, text: text.slice(0, TEXT_KEPT), key, run });
      await wire.turnStart(turn);
    },
    async turnEnd(turn, end) {
      await wire.turnEnd(turn, end);
      tell({ type: "ended", outcome: end.outcome, code: end.outcome === "failed" ? end.code : null });
    },
    async say(blocks, chunks, pause, more) {
      const text = blocks.join("");
      tell({ type: "saying", text });
      await wire.say(blocks, chunks, pause, more);
      if (kept === null) tell({ type: "said", text });
      else kept.push(text);
    },
    async ask(call) {
      tell({ type: "asked", tool: call.name, allow: null });
      const decision = await wire.ask(call);
      tell({ type: "answered", tool: call.name, allow: decision.allow });
      return decision;
    },
    cut() {
      kept = [];
      wire.cut();
    },
    release() {
      wire.release();
      for (const text of kept ?? []) tell({ type: "said", text });
      kept = null;
    },
  };
}
