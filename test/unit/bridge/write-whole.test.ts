/** What the bridge tells must be told whole, also on a disk that is full for a while. */
import { expect, test } from "bun:test";
import { writeWhole } from "../../../src/bridge/write-whole.ts";

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A file that takes what the next step says: so many bytes, or an error. */
function file(steps: readonly (number | string)[]) {
  const left = [...steps];
  const taken: number[] = [];
  const waits: number[] = [];
  const write = (_fd: number, bytes: Uint8Array, from: number): number => {
    const step = left.shift() ?? bytes.length - from;
    if (typeof step === "string") throw failure(step);
    taken.push(...bytes.subarray(from, from + step));
    return step;
  };
  return {
    text: () => Buffer.from(taken).toString(),
    waits,
    run: (text: string) => writeWhole(1, Buffer.from(text), (ms) => void waits.push(ms), write),
  };
}

test("a full disk, a quota and a slow reader are waited for, and no byte is written twice or left out", () => {
  const it = file([3, "ENOSPC", "ENOSPC", 2, "EDQUOT", "EAGAIN"]);
  it.run("whole line\n");
  expect(it.text()).toBe("whole line\n");
  expect(it.waits).toEqual([250, 250, 250, 2]);
});

test("what no waiting mends is thrown", () => {
  expect(() => file(["EPIPE"]).run("x")).toThrow("EPIPE");
});
