/** `doctor` and `GET /providers`: every program is really started, and what cannot be used says how to mend it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";

setDefaultTimeout(60_000);

let box: Box;
const fake = (name: string): string[] => [process.execPath, join(FAKES, `${name}.ts`)];

beforeAll(async () => {
  box = await makeBox({
    providers: {
      "claude-code": { command: fake("claude") },
      codex: { command: fake("codex") },
      pi: { command: fake("pi") },
      acp: { kind: "acp", command: fake("acp") },
      asks: { kind: "acp", command: fake("acp"), env: { FAKE_ACP: '{"mode":"yolo"}' } },
      trusting: { kind: "acp", command: fake("acp"), permissions: "allow" },
      old: { kind: "claude-code", command: fake("claude"), env: { FAKE_CLAUDE_VERSION: "2.1.197" } },
      dead: {
        kind: "codex",
        command: ["sh", "-c", "case $* in *--version*) echo 1.2.3;; *) echo broken library >&2; exit 3;; esac", "sh"],
      },
      off: { kind: "command", command: ["cat"], enabled: false },
      sh: { kind: "command", command: ["cat"] },
      opencode: { command: "no-such-program" },
    },
  });
  await box.start();
});
afterAll(() => box.close());

async function reports(): Promise<Map<string, Json>> {
  const { providers } = await box.api().get("/providers");
  return new Map([...(providers ?? [])].map((each) => [String(each["name"]), each]));
}

test("what can be used is ready, with the version that its own handshake told", async () => {
  const found = await reports();
  for (const name of ["claude-code", "codex", "pi", "acp", "asks", "trusting", "sh"])
    expect(`${name} ${found.get(name)?.["available"]} ${found.get(name)?.["reason"]}`).toBe(`${name} true null`);
  expect(String(found.get("claude-code")?.["version"])).toBe("2.1.330");
});

test("one that would act unasked is warned of, but where it may, or can be told to ask", async () => {
  const warned = [...(await reports())].filter(([, report]) => [...(report["warnings"] ?? [])].length > 0);
  expect(warned.map(([name]) => name)).toEqual(["acp"]);
  expect(warned[0]?.[1]["warnings"]).toMatchObject([
    { code: "mode_not_enforced", message: expect.stringMatching(/is up to its own settings, .*: it offers no modes$/) },
  ]);
});

test("what cannot be used says why, and how to mend it", async () => {
  const found = await reports();
  const reason = (name: string): string => String(found.get(name)?.["reason"]);
  expect(reason("old")).toContain("2.1.268 or newer is needed");
  expect(reason("dead")).toBe("it ended with code 3: broken library (1.2.3)");
  expect(reason("off")).toBe("switched off: set providers.off.enabled to true");
  expect(reason("opencode")).toBe(
    'the program "no-such-program" is not in PATH: install it, or set providers.opencode.command',
  );
});

test("a program is started once as long as its file is the same, and again when it changed", async () => {
  const program = join(box.dir, "counted");
  const starts = join(box.dir, "starts");
  const script = (note: string): string =>
    `#!/bin/sh\n# ${note}\nif [ "$1" = --version ]; then echo 9.9.9; exit; fi\necho x >> ${starts}\nexec ${fake("pi").join(" ")} "$@"\n`;
  writeFileSync(program, script("one"));
  chmodSync(program, 0o755);
  const other = await makeBox({ providers: { pi: { command: program } } });
  try {
    const api = await other.start();
    await api.get("/providers");
    await api.get("/providers");
    const counted = (): number => (existsSync(starts) ? readFileSync(starts, "utf8").length / 2 : 0);
    const first = counted();
    expect(first).toBe(1);
    await api.get("/providers");
    expect(counted()).toBe(first);
    writeFileSync(program, script("another one, of another size"));
    await api.get("/providers");
    expect(counted()).toBe(first + 1);
  } finally {
    await other.close();
  }
});

test("doctor asks the daemon where one runs, and looks itself where none does; it leaves nothing behind", async () => {
  const run = async (...args: string[]) => {
    const child = Bun.spawn([BINARY, "doctor", ...args], {
      env: box.env,
      cwd: box.dir,
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { out, err, code: await child.exited };
  };
  const asked = await run("--url", box.api().url);
  expect(asked.err).toContain(`as seen from the daemon at ${box.api().url}`);
  expect(asked.out).toMatch(/^warn\tclaude-code\t2\.1\.330 .*not logged in\trun claude/m);
  expect(asked.out).toMatch(/^FAIL\tdead\tit ended with code 3\t.*broken library/m);
  expect(asked.out).toMatch(
    /^warn\tacp\twhether .* asks before it acts .*no modes\tmake it ask .*providers\.acp\.permissions/m,
  );
  expect(asked.out.match(/asks before it acts/g)).toHaveLength(1);
  expect(asked.code).toBe(1); // "old" and "dead" are there and cannot be used
  const alone = await run("--config", box.configFile, "--json");
  const found = JSON.parse(alone.out) as { providers: { name: string; available: boolean }[] };
  expect(found.providers.find((each) => each.name === "codex")?.available).toBe(true);
  expect(readdirSync(join(box.stateDir, "probes"))).toEqual([]);
  expect(box.agentProcesses()).toEqual([]);
});
