/**
 * A program that the kernel will not start: what it is given is too long, its interpreter is not there, its file is no
 * program. Such a start says what the matter is, and never looks like a process that was killed.
 * What an API caller gives is in no argument list where the program takes a file or a message. Looked for in every
 * codec and screen: the system prompt was Claude Code's argument, in both; Pi reads a file, Codex, OpenCode and ACP
 * agents are told it. Found beside that: Pi's screen named a file that only a start under other permissions had made,
 * and the cause of a plain command that could not be started was that it had been killed. An argument still: the schema
 * of a result for Claude Code (32 KiB at most, the program takes no file for it), the model's name, and the input of a
 * `command` whose config says `promptAs: "arg"`.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Api, Json } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../../support/binary.ts";
import { storedEvents } from "../../support/events.ts";

setDefaultTimeout(60_000);

const SECRET = "the words of the system prompt";
const fake = (name: string) => ({ command: [process.execPath, join(FAKES, `${name}.ts`)] });

let box: Box;
let api: Api;
beforeAll(async () => {
  box = await makeBox();
  const script = (name: string, text: string, mode = 0o755): string => {
    const path = join(box.dir, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const interpreter = script("interpreter", "#!/no/such/interpreter\n");
  const garbage = script("garbage", "\u007fELF nonsense");
  const providers = {
    "claude-code": fake("claude"),
    codex: fake("codex"),
    opencode: fake("opencode"),
    pi: fake("pi"),
    some: { kind: "acp", ...fake("acp") },
    ...Object.fromEntries(
      ["command", "claude-code", "codex", "pi", "acp"].flatMap((kind) => [
        [`interpreter-${kind}`, { kind, command: interpreter }],
        [`garbage-${kind}`, { kind, command: garbage }],
        [`many-${kind}`, { kind, command: ["/bin/true"] }],
      ]),
    ),
  };
  writeFileSync(box.configFile, JSON.stringify({ port: 0, stateDir: box.stateDir, providers }));
  // A quarter of the stack is for arguments and environment: with a small one the kernel refuses what we let through.
  const daemon = script("small-stack", `#!/bin/sh\nulimit -Ss 1024\nexec ${BINARY} "$@"\n`);
  api = await box.start({}, daemon);
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(() => box.close());

async function made(provider: string, more: Record<string, unknown> = {}): Promise<{ path: string; agent: Json }> {
  const { agent } = await api.post("/projects/p/agents", { provider, task: "go", ...more });
  const path = `/projects/p/agents/${String(agent?.["id"])}`;
  const done = await api.get(`${path}/wait?until=idle,error,exited&timeout=40`);
  return { path, agent: done["agent"] as Json };
}

const many = Object.fromEntries(["A", "B", "C", "D"].map((name) => [`MANY_${name}`, "x".repeat(100_000)]));

test.each([
  ["its interpreter is not there", "interpreter", {}, /code 12[67].*(not found|No such file)/s],
  ["its file is no program", "garbage", {}, /code 12[67].*(format|cannot execute|not found|syntax)/is],
  ["the kernel refuses what it is given", "many", { env: many }, /E2BIG|[Aa]rgument list too long/],
] as const)("a start that never was says so: %s", async (_says, what, more, told) => {
  const ends = await Promise.all(
    ["command", "claude-code", "codex", "pi", "acp"].map(
      async (kind) => [kind, await made(`${what}-${kind}`, more)] as const,
    ),
  );
  for (const [kind, { path, agent }] of ends) {
    const { error, outcome } = agent["turn"] as Json;
    expect([kind, String(outcome)]).toEqual([kind, "failed"]);
    expect(`${kind}: ${String(error?.["message"])}`).not.toMatch(/killed|exit status is known/);
    expect(String(error?.["message"])).toMatch(told);
    expect(JSON.stringify(await storedEvents(api, path))).not.toContain("killed together");
  }
});

/** The argument list of every process of the box. */
const argumentsOf = (): string[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
        return environment.includes(box.dir) ? [readFileSync(`/proc/${pid}/cmdline`, "utf8")] : [];
      } catch {
        return []; // gone meanwhile, or another user's
      }
    });

test.each(["claude-code", "codex", "opencode", "pi", "some"])(
  "a system prompt of %s stands in no argument list",
  async (provider) => {
    const { path, agent } = await made(provider, { systemPrompt: SECRET });
    expect(String(agent["status"])).toBe("idle");
    const all = argumentsOf();
    expect(all.length).toBeGreaterThan(1);
    expect(all.filter((each) => each.includes(SECRET))).toEqual([]);
    const folder = join(box.stateDir, "agents", String(agent["id"]));
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((each) => /prompt/.test(each)))
      expect([name, (statSync(join(folder, name)).mode & 0o777).toString(8)]).toEqual([name, "600"]);
    const { screen } = await api.get(`${path}/attach`);
    expect(JSON.stringify(screen)).not.toContain(SECRET);
  },
);

test("a screen finds every file that it is told to read, whatever the last process was started with", async () => {
  const { path } = await made("claude-code");
  await api.call("PATCH", "/projects/p", { defaults: { systemPrompt: SECRET } });
  const pi = await made("pi", { permissions: "allow" });
  await api.call("PATCH", pi.path, { permissions: "ask" });
  for (const each of [path, pi.path]) {
    const { screen } = await api.get(`${each}/attach`);
    const files = [...(screen?.["argv"] ?? [])].map(String).filter((word) => /\.(md|mjs)$/.test(word));
    expect(files.map((file) => existsSync(file))).toEqual([true]);
  }
});
