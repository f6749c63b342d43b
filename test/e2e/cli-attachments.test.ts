/**
 * `run` and `send` with `--attach FILE`: the bytes go with the text from wherever the person stands, and what cannot be
 * sent is refused in words before anything is made.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf } from "../support/cli.ts";
import { GIF, PNG } from "../support/pictures.ts";

setDefaultTimeout(60_000);

const MIB = 1024 * 1024;
let box: Box;
let cli: Cli;
/** Outside of every project: only what is sent can reach the program. */
let desk: string;

beforeAll(async () => {
  const fake = (name: string): string[] => [process.execPath, join(FAKES, `${name}.ts`)];
  box = await makeBox({
    providers: {
      "claude-code": { command: fake("claude") },
      blind: { kind: "acp", command: ["sh", "-c", `FAKE_ACP='{"images":false}' exec "$@"`, "sh", ...fake("acp")] },
      sh: { kind: "command", command: ["cat"] },
      codex: { enabled: false },
      opencode: { enabled: false },
      pi: { enabled: false },
    },
  });
  await box.start();
  desk = join(box.dir, "desk");
  mkdirSync(desk);
  cli = cliOf(box).with({ cwd: desk }) as Cli;
  await cliOf(box)("projects", "add", "shop", box.cwd, "--provider", "claude-code");
  writeFileSync(join(desk, "shot.png"), PNG);
  writeFileSync(join(desk, "notes.txt"), "from the desk");
});
afterAll(() => box.close());

const run = (...args: string[]) => cli("run", "--project", "shop", ...args);
const agents = async (): Promise<number> => [...((await box.api().get("/agents"))["agents"] ?? [])].length;

test("run: a picture reaches the program as a picture, another file as a copy of its bytes", async () => {
  const said = await run("--name", "looks", "--attach", "shot.png", "look", "--attach", join(desk, "notes.txt"));
  expect(said.code).toBe(0);
  expect(said.out).toStartWith("echo: look");
  expect(said.out).toContain(`[image/png ${PNG.length}]`);
  const copy = /^(\/\S+) \(notes\.txt, text\/plain\)/m.exec(said.out)?.[1] ?? "";
  expect(copy).toStartWith(box.stateDir);
  expect(readFileSync(copy, "utf8")).toBe("from the desk");
});

test("send: the same; it is queued with the text, and inputs --json says what went along", async () => {
  writeFileSync(join(desk, "dot.gif"), GIF);
  const said = await cli("send", "shop/looks", "and this", "--attach=dot.gif", "--wait");
  expect(said).toMatchObject({ code: 0, out: expect.stringContaining(`[image/gif ${GIF.length}]`) });
  const { inputs } = JSON.parse((await cli("inputs", "shop/looks", "--json")).out) as {
    inputs: { attachments?: { name: string; mediaType: string; bytes: number }[] }[];
  };
  expect(inputs.map(({ attachments = [] }) => attachments.map(({ name, bytes }) => `${name} ${bytes}`))).toEqual([
    [`shot.png ${PNG.length}`, "notes.txt 13"],
    [`dot.gif ${GIF.length}`],
  ]);
});

test("a picture that the program would not see is told by a note", async () => {
  const said = await run("--provider", "blind", "--name", "blind", "--attach", "shot.png", "look");
  expect(said.code).toBe(0);
  expect(said.out).toContain("(shot.png)");
  expect((await cli("logs", "shop/blind")).out).toContain("shot.png");
  const notes = (await cli("events", "shop/blind", "--types", "note", "--json")).out;
  expect(notes).toContain('"attachment_replaced"');
});

test("sixteen files are the most, 8 MiB the largest: one more, or one byte more, and nothing is made", async () => {
  const before = await agents();
  writeFileSync(join(desk, "large.bin"), "");
  truncateSync(join(desk, "large.bin"), 8 * MIB + 1);
  const many = Array.from({ length: 17 }, () => ["--attach", "notes.txt"]).flat();
  expect(await run("look", ...many)).toEqual({
    code: 2,
    out: "",
    err: "agent-harness run: --attach: got 17 files, expected at most 16\n",
  });
  expect(await run("look", "--attach", "large.bin")).toMatchObject({
    code: 2,
    out: "",
    err: expect.stringMatching(/^agent-harness run: --attach: large\.bin holds \S+ \S+, expected at most 8\S* M/),
  });
  expect(await agents()).toBe(before);
  expect((await run("--name", "sixteen", "look", ...many.slice(2))).out.split("(notes.txt, text/plain)").length).toBe(
    17,
  );
});

test.each([
  ["a folder", ".", "--attach: . is no file"],
  ["a pipe", "/dev/null", "--attach: /dev/null is no file"],
  ["nothing", "gone.png", "--attach: cannot read gone.png: there is no such file"],
])("%s in the place of a file: 2, and no agent", async (_, path, says) => {
  const before = await agents();
  for (const line of [
    ["run", "--project", "shop", "look"],
    ["send", "shop/looks", "look"],
  ] as const)
    expect(await cli(...line, "--attach", path)).toEqual({
      code: 2,
      out: "",
      err: `agent-harness ${line[0]}: ${says}\n`,
    });
  expect(await agents()).toBe(before);
});

test("what the program cannot take, and a picture that is none: 1 with the daemon's words, and nothing is stored", async () => {
  writeFileSync(join(desk, "cut.png"), PNG.subarray(0, -8));
  const before = await agents();
  expect(await run("--provider", "sh", "look", "--attach", "notes.txt")).toMatchObject({
    code: 1,
    out: "",
    err: expect.stringContaining("plain text and nothing else"),
  });
  expect(await agents()).toBe(before);
  const refused = await cli("send", "shop/looks", "look", "--attach", "cut.png", "--json");
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("end too soon") });
  expect(JSON.parse(refused.out)).toMatchObject({ error: "ATTACHMENT_REFUSED" });
  expect(JSON.parse((await cli("inputs", "shop/looks", "--json")).out).inputs).toHaveLength(2);
});
