// file-timeout: 900 s
/**
 * A release archive on a bare Debian with nothing but it: install.sh, the units it brings, both services under the
 * system's own systemd, an agent that lives through a restart, and no trace after the uninstall.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Machine } from "../support/machine.ts";
import { machineProblem, startMachine } from "../support/machine.ts";
import { installDebian } from "./debian.install.ts";
import { describeReal } from "./install.ts";
import { PATIENCE_MS } from "./patience.ts";

const ROOT = join(import.meta.dir, "../..");
const TOKEN = "not-a-real-token-of-the-api";
const problem = await machineProblem();
const debian = problem === null ? await installDebian(process.env) : { skip: problem };

describeReal("Debian root", debian)("on a bare Debian", () => {
  const dir = mkdtempSync(join(tmpdir(), "ah-debian-"));
  let machine: Machine;
  beforeAll(async () => {
    const make = Bun.spawnSync(["make", "dist", "TARGETS=linux-x64", "LEVEL=1", `BUN=${process.execPath}`], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (make.exitCode !== 0) throw new Error(make.stderr.toString());
    machine = await startMachine("path" in debian ? debian.path : "/");
    const archive = readdirSync(join(ROOT, "dist")).find((name) => name.endsWith("-linux-x64.tar.zst")) ?? "none";
    Bun.spawnSync(["tar", "--zstd", "-xf", join(ROOT, "dist", archive), "-C", dir]);
    cpSync(join(dir, archive.replace(".tar.zst", "")), join(machine.root, "root/archive"), { recursive: true });
  }, 400_000);
  afterAll(async () => {
    await machine?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const call = (path: string, body?: unknown): Promise<string> =>
    machine.sh(
      `curl -sS -H 'Authorization: Bearer ${TOKEN}' http://127.0.0.1:7070/api/v1${path}` +
        (body === undefined ? "" : ` -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`),
    );

  test("the installer and the steps it names bring up both services, and an agent lives through a restart", async () => {
    expect(await machine.sh("sh /root/archive/install.sh")).toContain("installed below /usr/local");
    await machine.sh(`
      useradd --system --create-home --shell /bin/bash agents
      install -d -m 0755 /etc/agent-harness && install -d -o agents /srv/w
      umask 077
      echo ${TOKEN} > /etc/agent-harness/token
      echo not-a-real-token-of-webhooks > /etc/agent-harness/webhook-token
      echo https://discord.com/api/webhooks/1/abc > /etc/agent-harness/discord`);
    const providers = {
      slow: { kind: "command", command: ["sh", "-c", "until [ -e /srv/w/go ]; do sleep 0.2; done; cat"] },
    };
    writeFileSync(
      join(machine.root, "etc/agent-harness/harness.json"),
      JSON.stringify({ auth: { tokenFile: "$CREDENTIALS_DIRECTORY/token" }, providers }),
    );
    writeFileSync(
      join(machine.root, "etc/agent-harness/receiver.json"),
      JSON.stringify({ tokenFile: "$CREDENTIALS_DIRECTORY/token" }),
    );
    await machine.sh("systemctl enable --now agent-harness webhook-receiver");
    expect(await machine.sh("curl -sS http://127.0.0.1:7071/health")).toContain("ok");
    await call("/projects", { name: "w", cwd: "/srv/w" });
    await call("/projects/w/agents", { provider: "slow", name: "one", task: "said and done" });
    const status = async (): Promise<string> => JSON.parse(await call("/projects/w/agents/one")).agent.status;
    await eventually("its process", async () => (await status()) === "processing", PATIENCE_MS);
    await machine.sh("systemctl restart agent-harness");
    expect(await status()).toBe("processing");
    await machine.sh("touch /srv/w/go");
    await eventually("the end of its turn", async () => (await status()) === "idle", PATIENCE_MS);
    expect(await call("/projects/w/agents/one/messages/last")).toContain("said and done");
  });

  test("the uninstaller takes back what it brought, and leaves configs and state", async () => {
    await machine.sh("systemctl disable --now agent-harness webhook-receiver");
    await machine.sh("sh /root/archive/install.sh --uninstall");
    expect(
      await machine.sh("find /usr/local -type f; ls /etc/systemd/system/*.service 2>/dev/null", { mayFail: true }),
    ).toBe("");
    expect(await machine.sh("ls /var/lib/agent-harness /etc/agent-harness")).toContain("harness.db");
  });
});
