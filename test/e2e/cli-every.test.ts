/**
 * Every command there is, as text and as JSON, in a pipe, against a daemon with agents of each kind of fate. A new
 * command without a line here fails the first test. What holds for all of them is looked at in one place: the code,
 * one JSON value a line, no colour and no cursor, no secret, and a stdout that does not change with a closed stderr.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import type { Cli, Said } from "../support/cli.ts";
import { cliOf, script } from "../support/cli.ts";
import { startHook } from "../support/hook.ts";
import type { Hook } from "../support/hook.ts";
import { repository } from "../unit/workspaces/ground.ts";

setDefaultTimeout(120_000);

const TOKEN = "a-token-that-nobody-must-see-anywhere";
const SECRET = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rLW5vYm9keS1zZWVz";
let box: Box;
let cli: Cli;
let hook: Hook;

/** Names of what is there, put in for `{…}` of a line. */
const known: Record<string, string> = {};

beforeAll(async () => {
  hook = await startHook();
  box = await makeBox(
    {
      providers: {
        "claude-code": {
          command: [process.execPath, join(FAKES, "claude.ts")],
          env: { PLANTED: "value-of-a-variable" },
        },
        sh: { kind: "command", command: ["/bin/sh"] },
        codex: { enabled: false },
        opencode: { enabled: false },
        pi: { enabled: false },
      },
      webhook: { url: hook.url(), secret: SECRET },
    },
    {},
    TOKEN,
  );
  repository(box.cwd, { a: "1\n" });
  await box.start();
  cli = cliOf(box, TOKEN);
  const ok = async (...args: string[]): Promise<void> => {
    const said = await cli(...args);
    if (said.code !== 0) throw new Error(`${args.join(" ")}: ${said.code} ${said.err}`);
  };
  await ok("projects", "add", "shop", box.cwd, "--provider", "claude-code");
  await ok("run", "--name", "quiet", "--env", "GIVEN=another-hidden-value", "hello");
  for (const name of ["asker", "second", "third"]) {
    const ask = script({ ask: "Bash", input: { command: "rm -rf \u001b[31mbuild\u202e" }, result: "" });
    await ok("run", "--detach", "--name", name, ask);
    await ok("wait", `shop/${name}`, "--until", "waiting_input");
  }
  await ok("send", "shop/asker", "and then this");
  await ok("run", "--name", "works", "--provider", "sh", "--worktree", "echo 2 > a; echo new > b");
  await ok("run", "--name", "lost", "--provider", "sh", "--worktree", "echo kept > c");
  known["lost"] = (JSON.parse((await cli("show", "lost", "--json")).out) as { agent: { id: string } }).agent.id;
  await ok("rm", "--yes", "--discard", "lost");
  await ok("deliveries", "test", "--wait");
  known["delivery"] = (await cli("deliveries", "-n", "1")).out.split("\t")[0] ?? "";
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

/**
 * `code`: what it is asked for is not there, which is told. `json`: one value a line, the body as it came, or a text
 * that has no other form. `acts`: it changes something, and prints on stdout no more than what it made.
 */
interface Line {
  readonly line: string;
  readonly code?: number;
  readonly json?: "lines" | "raw" | "none";
  readonly acts?: true;
}

const LINES: readonly Line[] = [
  { line: "run --detach again", acts: true },
  { line: "send shop/asker more", acts: true },
  { line: "set shop/quiet metadata.a=b", acts: true },
  { line: "inputs shop/asker" },
  { line: "inputs rm shop/asker 9", code: 1 },
  { line: "inputs release shop/asker", acts: true },
  { line: "approve shop/second p1", acts: true },
  { line: "deny shop/third p1 -m no", acts: true },
  { line: "abort shop/asker", acts: true },
  { line: "stop shop/second --yes", acts: true },
  { line: "resume shop/second", acts: true },
  { line: "rm shop/nobody --yes", code: 1 },
  { line: "attach shop/quiet --print" },
  { line: "report" },
  { line: "usage" },
  { line: "ps" },
  { line: "ps --watch", json: "lines" },
  { line: "top", json: "lines" },
  { line: "show shop/asker" },
  { line: "accounts" },
  { line: "accounts retry claude-code:nobody", code: 1 },
  { line: "accounts skip claude-code:nobody", code: 1 },
  { line: "messages shop/asker", json: "lines" },
  { line: "messages shop/quiet --last" },
  { line: "logs shop/quiet", json: "lines" },
  { line: "result shop/quiet", code: 1 },
  { line: "events", json: "lines" },
  { line: "permissions --all" },
  { line: "wait shop/quiet" },
  { line: "providers" },
  { line: "debug shop/quiet" },
  { line: "status" },
  { line: "changes works" },
  { line: "diff works" },
  { line: "restore works" },
  { line: "merge works --into review --dry-run" },
  { line: "workspaces" },
  { line: "workspaces recover {lost}", acts: true },
  { line: "projects" },
  { line: "projects add other {home}", acts: true },
  { line: "projects show shop" },
  { line: "projects set shop model=fast", acts: true },
  { line: "projects rm nowhere --yes", code: 1 },
  { line: "deliveries" },
  { line: "deliveries show {delivery}" },
  { line: "deliveries redeliver {delivery} --fresh", acts: true },
  { line: "deliveries test", acts: true },
  { line: "open shop/quiet" },
  { line: "api GET /projects", json: "raw" },
  { line: "nodes", code: 1 },
  { line: "nodes drain one", code: 1 },
  { line: "nodes undrain one", code: 1 },
  { line: "nodes rm one --yes", code: 1 },
  { line: "tasks", code: 1 },
  { line: "tasks show 1", code: 1 },
  { line: "tasks cancel 1", code: 1 },
  { line: "tasks reassign 1 --yes", code: 1 },
  { line: "fleet migrate", code: 2 },
  { line: "fleet call 1 one", code: 2 },
  { line: "doctor" },
  { line: "config" },
  { line: "config check {config}" },
  { line: "systemd", json: "none" },
  { line: "completion bash", json: "none" },
  { line: "version" },
  { line: "help ps", json: "none" },
];

/** It serves, and is served by every test. */
const NOT_HERE = ["serve", "bridge", "__complete"];

const argsOf = (line: string): string[] =>
  line
    .replaceAll("{home}", join(box.dir, "home"))
    .replaceAll("{config}", box.configFile)
    .replace(/\{(\w+)\}/g, (_, name: string) => known[name] ?? "")
    .split(" ");
const printed: { readonly args: readonly string[]; readonly text: string }[] = [];
const say = async (args: readonly string[], follows: boolean): Promise<Said> => {
  const child = cli.start(args);
  let out = "";
  const read = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) out += decoder.decode(chunk, { stream: true });
  })();
  const failed = new Response(child.stderr).text();
  if (follows) {
    await eventually("a change to be followed", async () => {
      await cli("send", "--wait", "shop/quiet", "hello");
      return out.endsWith("\n");
    });
    child.kill("SIGINT");
  }
  const [err] = await Promise.all([failed, read]);
  printed.push({ args, text: `${out}\n${err}` });
  return { code: await child.exited, out, err };
};

test("every command has a line here", () => {
  const names = COMMANDS.flatMap(({ name, subs = [] }) => [name, ...subs.map((sub) => sub.name)]);
  const has = (name: string): boolean => LINES.some(({ line }) => line === name || line.startsWith(`${name} `));
  expect(names.filter((name) => !has(name) && !NOT_HERE.includes(name))).toEqual([]);
});

test.each(LINES.map((each) => [each.line, each] as const))("%s", async (line, { code = 0, json, acts }) => {
  const follows = /^(top|ps --watch)/.test(line);
  const wanted = follows ? 130 : code;
  const args = argsOf(line);
  const text = await say(args, follows);
  expect({ code: text.code, err: text.err }).toEqual({ code: wanted, err: expect.any(String) });
  if (wanted !== 0 && !follows)
    expect([text.out, text.err]).toEqual(["", expect.stringMatching(/^agent-harness.*: .+\n/)]);
  if (acts === true && code === 0) expect(text.out.trimEnd().split("\n").length).toBe(1);

  const machine = await say([...args.slice(0, 1), "--json", ...args.slice(1)], follows);
  if (json === "none") return;
  if (json !== "raw" && machine.out !== "") {
    const values = machine.out.trimEnd().split("\n");
    if (json !== "lines") expect(values.length).toBe(1);
    for (const value of values) expect(typeof JSON.parse(value)).toBe("object");
  }
  if (acts === true) return; // the second time it may be refused
  expect(machine.code).toBe(wanted);
  if (wanted !== 0 && !follows) {
    const { error, message } = JSON.parse(machine.out) as { error: unknown; message: unknown };
    expect([typeof error, typeof message]).toEqual(["string", "string"]);
  } else expect(machine.out).not.toBe("");
});

test("a closed stderr changes nothing on stdout", async () => {
  const moving = /^(top|ps --watch|status|debug|doctor|providers|report|events|deliveries)/;
  for (const { line, acts, code = 0 } of LINES) {
    if (acts === true || code !== 0 || moving.test(line)) continue;
    const plain = await say(argsOf(line), false);
    const child = Bun.spawn(["bash", "-c", 'exec "$@" 2>&-', "sh", BINARY, ...argsOf(line)], {
      cwd: box.cwd,
      env: { ...box.env, AH_URL: box.api().url, AH_AUTH_TOKEN: TOKEN },
      stdin: "ignore",
      stdout: "pipe",
    });
    const out = await new Response(child.stdout).text();
    expect({ line, out, code: await child.exited }).toEqual({ line, out: plain.out, code: plain.code });
  }
});

test("none of it holds a secret, a colour or a cursor, and nothing that is laid out a turned direction", () => {
  const holding = (what: string | RegExp): string[] =>
    printed.filter(({ text }) => text.replaceAll(/[\n\t]/g, " ").search(what) !== -1).map(({ args }) => args.join(" "));
  for (const secret of [TOKEN, SECRET, "value-of-a-variable", "another-hidden-value"])
    expect(holding(secret)).toEqual([]);
  expect(holding(/[\u0000-\u001f\u007f-\u009f]/)).toEqual([]);
  // Exact texts are exact; the agents' words were printed by somebody, or this proves nothing.
  const turned = holding(/[\u202a-\u202e\u2066-\u2069]/);
  expect(turned.filter((line) => !line.startsWith("messages") && !line.includes("--json"))).toEqual([]);
  expect(turned.length).toBeGreaterThan(0);
});
