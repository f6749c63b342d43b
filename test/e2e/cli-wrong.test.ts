/** Slips on the command line: one sentence that says how to mend it, the same as JSON, and a stable exit code. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { tmpdir } from "node:os";
import { BINARY } from "../support/binary.ts";
import { WRONG } from "./cli-wrong.table.ts";

setDefaultTimeout(30_000);

async function run(args: readonly string[], stdin?: string | Uint8Array) {
  const child = Bun.spawn([BINARY, ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", AH_URL: "http://127.0.0.1:1" },
    stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

test("there are at least sixty of them, none twice", () => {
  expect(WRONG.length).toBeGreaterThanOrEqual(60);
  expect(new Set(WRONG.map(({ line }) => line.join(" "))).size).toBe(WRONG.length);
});

test.each(WRONG.map((row) => [row.line.join(" "), row] as const))(
  "agent-harness %s",
  async (_, { line, says, code, stdin }) => {
    expect(await run(line, stdin)).toEqual({ code, out: "", err: `agent-harness${says}\n` });
  },
);

test("with --json the error is an object on stdout, too, also when the line cannot be read", async () => {
  for (const [line, error, code] of [
    [["ps", "--json"], "UNREACHABLE", 3],
    [["ps", "--json", "--jsno"], "USAGE", 2],
    [["statsu", "--json"], "USAGE", 2],
  ] as const) {
    const done = await run(line);
    expect(done.code).toBe(code);
    const printed = JSON.parse(done.out) as Record<string, unknown>;
    expect(printed["error"]).toBe(error);
    expect(done.err).toEndWith(`${String(printed["message"])}\n`);
    expect(done.out.split("\n").length).toBe(2);
  }
});
