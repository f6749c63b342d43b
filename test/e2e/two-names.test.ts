/**
 * One executable, two names: it is the program that it is started as, wherever it lies and whatever stands behind the
 * name, and it needs no other file beside it.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";

setDefaultTimeout(60_000);

const SECOND = join(BINARY, "../webhook-receiver");
const BRIDGE = "agent-harness bridge";
let dir = "";
let whole = "";

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-names-"));
  // A real copy, alone in its folder; the other names of it are links.
  mkdirSync(join(dir, "alone"));
  whole = join(dir, "alone/program");
  copyFileSync(realpathSync(BINARY), whole);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function said(argv: readonly string[], argv0?: string): string {
  const { stdout, stderr } = Bun.spawnSync([...argv], {
    env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent" },
    stdin: "ignore",
    ...(argv0 === undefined ? {} : { argv0 }),
  });
  return `${stdout}${stderr}`.trim();
}

/** The same bytes under another name, in a folder of its own. */
function named(name: string): string {
  const folder = mkdtempSync(join(dir, "named-"));
  linkSync(whole, join(folder, name));
  return join(folder, name);
}

test.skipIf(process.env["AH_TEST_BIN"] !== undefined)("make build leaves one file under two names", () => {
  const [one, other] = [statSync(BINARY), statSync(SECOND)];
  expect([one.ino, one.nlink >= 2]).toEqual([other.ino, true]);
});

describe("it is the program of its name", () => {
  test.each([
    ["agent-harness", "agent-harness"],
    ["agent-harness-0.2.0", "agent-harness"],
    ["program", "agent-harness"],
    ["webhook-receiver", "webhook-receiver"],
    ["webhook-receiver-0.2.0", "webhook-receiver"],
    [".webhook-receiver-wrapped", "webhook-receiver"],
  ])("%s is %s", (name, program) => {
    expect(said([named(name), "version"])).toMatch(new RegExp(`^${program} \\d+\\.\\d+\\.\\d+$`));
  });

  test("behind a symlink: the link's name counts, not the file's", () => {
    const [receiver, harness] = [join(dir, "webhook-receiver"), join(dir, "agent-harness")];
    symlinkSync(named("agent-harness"), receiver);
    symlinkSync(named("webhook-receiver"), harness);
    expect([said([receiver, "version"]), said([harness, "version"])].map((line) => line.split(" ")[0])).toEqual([
      "webhook-receiver",
      "agent-harness",
    ]);
  });

  test("started by exec -a", () => {
    const as = (name: string): string =>
      said(["bash", "-c", 'exec -a "$1" "$2" version', "bash", name, whole]).split(" ")[0] ?? "";
    expect([as("webhook-receiver"), as("agent-harness"), as("/x/webhook-receiver-1.2.3"), as("other")]).toEqual([
      "webhook-receiver",
      "agent-harness",
      "webhook-receiver",
      "agent-harness",
    ]);
  });

  test("found in PATH by its bare name", () => {
    const folder = join(named("webhook-receiver"), "..");
    const line = said(["env", `PATH=${folder}:/usr/bin:/bin`, "webhook-receiver", "version"]);
    expect(line).toStartWith("webhook-receiver ");
  });

  test("a helper mode is agent-harness under every name", () => {
    for (const name of ["webhook-receiver", "agent-harness", "program"])
      expect(said([named(name), "bridge"])).toStartWith(BRIDGE);
    expect(said([whole, "bridge"], "webhook-receiver")).toStartWith(BRIDGE);
  });
});

test("a daemon whose file has the other name still runs its helpers", async () => {
  const link = join(mkdtempSync(join(dir, "link-")), "agent-harness");
  symlinkSync(named("webhook-receiver"), link);
  const box = await makeBox({
    providers: { opencode: { command: [process.execPath, join(FAKES, "opencode.ts")] } },
    limits: { parkIdleMs: 0 },
  });
  try {
    const api = await box.start({}, link);
    await api.post("/projects", { name: "p", cwd: box.cwd });
    const task = JSON.stringify([{ say: "through the bridge" }]);
    const { agent } = await api.post("/projects/p/agents", { provider: "opencode", name: "a", task });
    const done = await api.get(`/projects/p/agents/${String(agent?.["id"])}/wait?until=idle,error,exited&timeout=30`);
    expect([String(done["agent"]?.["status"]), done["agent"]?.["error"] === undefined]).toEqual(["idle", true]);
  } finally {
    await box.close();
  }
});
