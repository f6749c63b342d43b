/** What people type: status, version, help, and what is answered to a slip. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import packageJson from "../../package.json";

setDefaultTimeout(30_000);

const TOKEN = "the-right-token";
let box: Box;
let url: string;

beforeAll(async () => {
  const providers = {
    "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
    codex: { enabled: false },
    opencode: { enabled: false },
    pi: { command: "no-such-program-anywhere" },
  };
  box = await makeBox({ providers }, {}, TOKEN);
  const api = await box.start();
  ({ url } = api);
  await api.post("/projects", { name: "p", cwd: box.cwd });
  const ask = 'SCRIPT [{"ask":"Bash","input":{"command":"rm -rf build"},"result":""}]';
  await api.post("/projects/p/agents", { provider: "claude-code", name: "asker", task: ask });
  await api.get("/projects/p/agents/asker/wait?until=waiting_input");
});
afterAll(() => box.close());

function run(
  args: readonly string[],
  env: Record<string, string> = {},
): { code: number | null; out: string; err: string } {
  const done = Bun.spawnSync([BINARY, ...args], {
    cwd: box.dir,
    env: { PATH: box.env["PATH"] ?? "", HOME: box.home, ...env },
    timeout: 20_000,
  });
  return { code: done.exitCode, out: done.stdout.toString(), err: done.stderr.toString() };
}

describe("status", () => {
  test("says how all stands and exits 0", () => {
    const { code, out, err } = run(["status", "--url", url], { AH_AUTH_TOKEN: TOKEN });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const rows = Object.fromEntries(
      out
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t")),
    );
    expect(Object.keys(rows)).toEqual([
      "daemon",
      "projects",
      "agents",
      "waits longest",
      "webhooks",
      "provider claude-code",
      "provider codex",
      "provider opencode",
      "provider pi",
    ]);
    expect(rows["daemon"]).toMatch(new RegExp(`^${packageJson.version} at ${url}, up \\d+ s$`));
    expect(rows["projects"]).toBe("1");
    expect(rows["agents"]).toBe("1 (1 waiting_input)");
    expect(rows["waits longest"]).toMatch(/^p\/[0-9a-f]{8}: .*rm -rf build.* \(\d+ s\)$/);
    expect(rows["webhooks"]).toBe("0 on their way, 0 dead");
    expect(rows["provider claude-code"]).toMatch(/^ready/);
    expect(rows["provider codex"]).toMatch(/^no: .*switched off/);
    expect(rows["provider pi"]).toMatch(/^no: .*no-such-program-anywhere/);
  });

  test("--json prints what the API says", async () => {
    const { code, out } = run(["status", "--json", "--url", url], { AH_AUTH_TOKEN: TOKEN });
    const { uptime: _a, ...printed } = JSON.parse(out);
    const { uptime: _b, ...answered } = (await box.api().get("/status")) as unknown as Record<string, unknown>;
    expect(code).toBe(0);
    expect(printed).toEqual(answered);
  });

  test("takes the address from AH_URL", () => {
    expect(run(["status"], { AH_URL: url, AH_AUTH_TOKEN: TOKEN }).code).toBe(0);
  });

  test("exits 7 without a token and with a wrong one", () => {
    for (const env of [{}, { AH_AUTH_TOKEN: "wrong" }] as Record<string, string>[]) {
      const { code, out, err } = run(["status", "--url", url], env);
      expect([code, out]).toEqual([7, ""]);
      expect(err).toStartWith("agent-harness: ");
    }
    const { code, out } = run(["status", "--json", "--url", url]);
    expect([code, JSON.parse(out).error]).toEqual([7, "UNAUTHORIZED"]);
  });

  test("exits 3 when nothing answers, saying where it looked", () => {
    const { code, err } = run(["status", "--url", "http://127.0.0.1:1"]);
    expect(err).toStartWith("agent-harness: nothing answers at http://127.0.0.1:1 (connection refused): start it with agent-harness serve");
    expect(code).toBe(3);
    const asJson = run(["status", "--json", "--url", "http://127.0.0.1:1"]);
    expect([asJson.code, JSON.parse(asJson.out).error]).toEqual([3, "UNREACHABLE"]);
  });

});

test.each([["version"], ["--version"], ["-V"]])("%s prints the version", (word) => {
  expect(run([word])).toEqual({ code: 0, out: `agent-harness ${packageJson.version}\n`, err: "" });
});

test.each([[["help"]], [["--help"]], [["-h"]], [[]]])("%p prints the help", (args) => {
  const { code, out, err } = run(args);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  for (const word of ["serve", "status", "version", "help", "AH_URL"]) expect(out).toContain(word);
});
