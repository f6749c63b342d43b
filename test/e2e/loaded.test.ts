/**
 * What a daemon has in memory is what it uses. The account of `make size` is made from a list of what `serve` asks for;
 * here a daemon runs from source and writes down what it really loads.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { SERVED, chunksOf, together } from "../../nix/chunks.ts";
import type { Api } from "../support/api.ts";
import { createApi, eventually } from "../support/api.ts";

const ROOT = join(import.meta.dir, "../..");
const dir = mkdtempSync(join(tmpdir(), "ah-loaded-"));
const report = join(dir, "loads");
let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
let api: Api;

const loaded = (): ReadonlySet<string> =>
  new Set(
    readFileSync(report, "utf8")
      .trim()
      .split("\n")
      .map((path) => relative(ROOT, path)),
  );

beforeAll(async () => {
  mkdirSync(join(dir, "project"));
  writeFileSync(
    join(dir, "harness.json"),
    JSON.stringify({ port: 0, stateDir: join(dir, "state"), providers: PROVIDERS }),
  );
  child = Bun.spawn(
    [
      ...[
        process.execPath,
        "--no-env-file",
        "--preload",
        join(ROOT, "test/support/loads.ts"),
        join(ROOT, "src/main.ts"),
      ],
      ...["serve", "--config", join(dir, "harness.json")],
    ],
    {
      cwd: dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: dir, AH_TEST_LOADS: report },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) if ((text += part).includes("\n")) break;
  const url = /http:\/\/\S+/.exec(text)?.[0];
  if (url === undefined) throw new Error(`the daemon did not start: ${text}`);
  api = createApi(url);
});

afterAll(async () => {
  child.kill("SIGKILL");
  await child.exited;
  rmSync(dir, { recursive: true, force: true });
});

const PROVIDERS = { plain: { kind: "command", command: ["cat"] } };
const codecs = (): readonly string[] =>
  [...loaded()].filter((path) => /^src\/providers\/(.+\/codec|command)\.ts$/.test(path));

test("an idle daemon has loaded what the account of sizes counts, and no codec", async () => {
  const chunks = await chunksOf(join(dir, "bundle"));
  const counted = new Set([...together(chunks, SERVED)].flatMap((name) => Object.keys(chunks[name]?.inputs ?? {})));
  const bundled = new Set(Object.values(chunks).flatMap(({ inputs }) => Object.keys(inputs)));
  const modules = [...loaded()];
  // What has only types in it is in no chunk.
  expect(modules.filter((path) => bundled.has(path) && !counted.has(path))).toEqual([]);
  expect(SERVED.filter((path) => !modules.includes(path))).toEqual([]);
  expect(codecs()).toEqual([]);
});

test("the first agent of a kind brings the codec of that kind, and no other", async () => {
  await api.post("/projects", { name: "p", cwd: join(dir, "project") });
  await api.post("/projects/p/agents", { provider: "plain", task: "hello", name: "one" });
  await eventually("the turn to end", async () => {
    const { agent } = await api.get("/projects/p/agents/one");
    return String(agent?.["status"]) === "idle";
  });
  expect(codecs()).toEqual(["src/providers/command.ts"]);
});
