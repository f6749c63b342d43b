#!/usr/bin/env bun
/**
 * A fake plain program: its input is the prompt (or, with `--arg`, its last argument is), its stdout the answer, its
 * exit code the outcome. Everything that is no answer goes to stderr, as a program of that kind would do it.
 */
import { writeSync } from "node:fs";
import { createOut } from "./out.ts";
import { createEngine } from "./script.ts";

const out = createOut();
/** A disk without room for it changes nothing of the outcome: the stream of the runtime would end us with 1. */
const log = (text: string): void => {
  try {
    writeSync(2, `${text}\n`);
  } catch {
    // Nobody can be told.
  }
};
let spoken = false;

const engine = createEngine({
  parallelAsks: false,
  turnStart: () => undefined,
  turnEnd(_turn, end) {
    if (end.outcome === "failed") {
      log(`${end.code}: ${end.message}`);
      process.exitCode = 3;
    }
  },
  async say(blocks, _chunks, pause) {
    // Several texts are lines of the one answer.
    const letters = [...(spoken ? "\n" : ""), ...blocks.join("")];
    const middle = letters.length >> 1;
    spoken = true;
    out.raw(letters.slice(0, middle).join(""));
    await pause();
    out.raw(letters.slice(middle).join(""));
  },
  think: log,
  empty: () => undefined,
  toolCall: ({ name, input }) => log(`${name} ${JSON.stringify(input)}`),
  toolResult: (_call, { text }) => log(text),
  // Nobody can be asked: a plain program goes ahead.
  ask: () => Promise.resolve({ allow: true }),
  question: ({ options }) => Promise.resolve(options[0] ?? ""),
  withdraw: () => undefined,
  retry: (attempt, of, status) => log(`attempt ${attempt} of ${of} failed with ${status}`),
  raw: out.raw,
  cut: out.cut,
  release: out.release,
});

const prompt = process.argv.includes("--arg") ? (process.argv.at(-1) ?? "") : await Bun.stdin.text();
await engine.prompt(prompt, null);
