/**
 * A helper process of ours waits for pipes to close: a provider whose `--version`, or whose handshake, leaves a child
 * on its stdout, never ends, or floods, must not hold up `/status`, `/providers`, or what is known of the others. The
 * pure half (probe, tools) is tested beside `process/helper.ts`.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { testDaemon } from "../../support/daemon.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";

/** Each is a program that misbehaves when it is looked at. */
const BROKEN: Readonly<Record<string, string>> = {
  "leaves-a-child": 'if [ "$1" = --version ]; then echo "9.9.9 (x)"; sleep 60 & exit 0; fi; setsid sleep 60 & exit 1',
  floods: 'if [ "$1" = --version ]; then echo 9.9.9; fi; exec yes',
  "floods-stderr": 'if [ "$1" = --version ]; then echo 9.9.9; exit 0; fi; yes >&2 & sleep 1; exit 4',
  "never-answers": "exec sleep 60",
};

let daemon: TestDaemon;

beforeAll(async () => {
  const broken = Object.entries(BROKEN).map(([name, script]) => [
    name,
    { kind: "claude-code", command: ["/bin/sh", "-c", script, "sh"] },
  ]);
  const off = ["claude-code", "codex", "opencode", "pi"].map((name) => [name, { enabled: false }]);
  const fine = ["fine", { kind: "command", command: ["/bin/cat"] }];
  daemon = await testDaemon({ providers: Object.fromEntries([...broken, ...off, fine]) });
});

afterAll(() => daemon.close());

const named = (all: Json, name: string): Json => {
  const found = [...all].find((each) => String(each["name"]) === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};

test("status answers within seconds, and names the versions that could be told", async () => {
  // One that was not told within the few seconds of an answer is told with the next one.
  const all = await eventually("the versions that can be told", async () => {
    const begun = performance.now();
    const { providers } = await daemon.api().get("/status");
    expect(performance.now() - begun).toBeLessThan(8000);
    const told = (name: string): boolean => String(named(providers as Json, name)["version"]) === "9.9.9";
    return ["leaves-a-child", "floods", "floods-stderr"].every(told) && (providers as Json);
  });
  for (const name of ["leaves-a-child", "floods", "floods-stderr"])
    expect(named(all, name)).toMatchObject({ available: true });
  expect(String(named(all, "never-answers")["reason"])).toMatch(/--version (has not answered|did not end)/);
  expect(named(all, "fine")).toMatchObject({ available: true });
});

test("providers answers with what is wrong with each, and the fine one beside them", async () => {
  const begun = performance.now();
  const { providers } = await daemon.api().get("/providers");
  expect(performance.now() - begun).toBeLessThan(28_000);
  const all = providers as Json;
  for (const name of Object.keys(BROKEN)) {
    expect(named(all, name)).toMatchObject({ available: false });
    expect(String(named(all, name)["reason"])).not.toBe("null");
  }
  expect(named(all, "fine")).toMatchObject({ available: true, reason: null });
}, 60_000);
