// file-timeout: 600 s
/**
 * Both programs as services of a real systemd, by the units that `agent-harness systemd` prints. Where no machine can
 * be started (not root, no systemd-nspawn) this is skipped, and says so; what an agent's processes live through is then
 * still shown by the tests of the daemon's death.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unitOf } from "../../src/cli/units.ts";
import { BINARY } from "../support/binary.ts";
import type { Machine } from "../support/machine.ts";
import { machineProblem, startMachine } from "../support/machine.ts";
import { eventually } from "../support/api.ts";

const problem = await machineProblem();
if (problem !== null) console.log(`skipped: no machine with a systemd of its own can be started here (${problem})`);

const TOKEN = "not-a-real-token-of-the-api";
const HARNESS = {
  auth: { tokenFile: "$CREDENTIALS_DIRECTORY/token" },
  limits: { agentMemoryBytes: 0 },
  providers: {
    slow: { kind: "command", command: ["sh", "-c", "until [ -e go ]; do sleep 0.2; done; cat"] },
    // Leaves a process without parent, session, environment or group of ours behind.
    escape: {
      kind: "command",
      command: ["sh", "-c", "(env -i setsid sh -c 'sleep 4242 & sleep 4242 &' &) ; sleep 1; echo left"],
    },
  },
};

let machine: Machine;
/** The turns of `slow` go on for as long as this is not so. */
const letGo = (go: boolean): Promise<string> => machine.sh(go ? "touch /srv/w/go" : "rm -f /srv/w/go");
const call = (path: string, body?: unknown): Promise<string> =>
  machine.sh(
    `curl -sS -H 'Authorization: Bearer ${TOKEN}' http://127.0.0.1:7070/api/v1${path}` +
      (body === undefined ? "" : ` -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`),
  );
const statusOf = async (agent: string): Promise<string> =>
  JSON.parse(await call(`/projects/w/agents/${agent}`)).agent.status;
const mainPid = async (): Promise<number> =>
  Number(await machine.sh("systemctl show -p MainPID --value agent-harness"));

describe.skipIf(problem !== null)("as a service", () => {
  beforeAll(async () => {
    machine = await startMachine();
    for (const name of ["agent-harness", "webhook-receiver"] as const) {
      copyFileSync(
        name === "agent-harness" ? BINARY : join(BINARY, "..", name),
        join(machine.root, "usr/local/bin", name),
      );
      const { text } = unitOf({ program: name, user: false, binDir: "/usr/local/bin" });
      writeFileSync(join(machine.root, "etc/systemd/system", `${name}.service`), text);
    }
    await machine.sh(`
      id agents || useradd --system --create-home --shell /bin/bash agents
      install -d /etc/agent-harness && install -d -o agents /srv/w
      umask 077
      echo ${TOKEN} > /etc/agent-harness/token
      echo not-a-real-token-of-webhooks > /etc/agent-harness/webhook-token
      echo https://discord.com/api/webhooks/1/abc > /etc/agent-harness/discord
      systemctl daemon-reload`);
    writeFileSync(join(machine.root, "etc/agent-harness/harness.json"), JSON.stringify(HARNESS));
    writeFileSync(
      join(machine.root, "etc/agent-harness/receiver.json"),
      JSON.stringify({ tokenFile: "$CREDENTIALS_DIRECTORY/token" }),
    );
  }, 120_000);
  afterAll(() => machine?.close());

  test("the units are well-formed, and exposed no more than they must be", async () => {
    const said = await machine.sh("systemd-analyze verify agent-harness.service webhook-receiver.service");
    // systemd before 254 ignores the sub-group.
    expect(said.split("\n").filter((line) => line !== "" && !line.includes("'DelegateSubgroup'"))).toEqual([]);
    const exposure = async (name: string): Promise<number> => {
      const text = await machine.sh(`systemd-analyze security --offline=yes /etc/systemd/system/${name}.service`, {
        mayFail: true,
      });
      return Number(/exposure level for [^:]+: ([0-9.]+)/.exec(text)?.[1] ?? 10);
    };
    expect(await exposure("agent-harness")).toBeLessThanOrEqual(5.2);
    expect(await exposure("webhook-receiver")).toBeLessThanOrEqual(1.1);
  }, 60_000);

  test("start returns when requests are answered, and status tells the agents", async () => {
    await machine.sh("systemctl start agent-harness webhook-receiver");
    expect(await machine.sh("curl -sS http://127.0.0.1:7070/readyz")).toBe("ready\n");
    expect(await machine.sh("curl -sS http://127.0.0.1:7071/health")).toContain("ok");
    expect(await machine.sh("systemctl show -p StatusText --value agent-harness")).toBe("no agents\n");
    expect(await machine.sh("stat -c '%U %a' /var/lib/agent-harness")).toBe("agents 700\n");
    await call("/projects", { name: "w", cwd: "/srv/w" });
  }, 60_000);

  test("a restart in the middle of a turn ends nothing: the next daemon takes the agent over", async () => {
    await call("/projects/w/agents", { provider: "slow", name: "one", task: "said and done" });
    await eventually("its process", async () => ((await statusOf("one")) === "processing" ? true : null));
    const before = await mainPid();
    await machine.sh("systemctl restart agent-harness");
    expect(await mainPid()).not.toBe(before);
    expect(await statusOf("one")).toBe("processing");
    expect(await machine.sh("journalctl -u agent-harness -o cat")).toContain("adopted a running process");
    await letGo(true);
    await eventually("the end of its turn", async () => ((await statusOf("one")) === "idle" ? true : null), 60_000);
    expect(await call("/projects/w/agents/one/messages/last")).toContain("said and done");
    await eventually("the new status", async () => {
      return (await machine.sh("systemctl show -p StatusText --value agent-harness")) === "1 idle\n";
    });
  }, 120_000);

  test("what a run leaves behind is found in its control group, whatever it hides, and goes with its agent", async () => {
    await call("/projects/w/agents", { provider: "escape", name: "two", task: "go" });
    await eventually("the end of its turn", async () => ((await statusOf("two")) === "idle" ? true : null), 60_000);
    const left = async (): Promise<string> => machine.sh("ps -eo args | grep '^sleep 4242'", { mayFail: true });
    expect((await left()).trim().split("\n").length).toBe(2);
    const { run } = JSON.parse(await call("/projects/w/agents/two/debug"));
    expect(run.cpuMs).toBeGreaterThan(0); // counted by its control group
    await machine.sh(
      `curl -sS -X DELETE -H 'Authorization: Bearer ${TOKEN}' http://127.0.0.1:7070/api/v1/projects/w/agents/two`,
    );
    await eventually("nothing left", async () => ((await left()) === "" ? true : null));
  }, 120_000);

  test("limits of a run are set where their controllers can be had", async () => {
    const v2 = "/sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers";
    const controllers = (await machine.sh(`cat ${v2} 2>/dev/null`, { mayFail: true })).trim();
    const version = Number(/systemd (\d+)/.exec(await machine.sh("systemctl --version"))?.[1]);
    if (version < 254 || !/\bpids\b/.test(controllers)) {
      console.log(
        `skipped: limits of runs need systemd 254 and pids on cgroup v2; here ${version} and "${controllers}"`,
      );
      return;
    }
    await letGo(false);
    await call("/projects/w/agents", { provider: "slow", name: "bound", task: "x", limits: { agentTasks: 50 } });
    await eventually("its process", async () => ((await statusOf("bound")) === "processing" ? true : null));
    const { process } = JSON.parse(await call("/projects/w/agents/bound/debug"));
    expect(await machine.sh(`cat ${process.cgroup}/pids.max`)).toBe("50\n");
  }, 60_000);

  test("a daemon whose loop hangs is started anew by the watchdog, and its agents do not notice", async () => {
    await machine.sh(`mkdir -p /run/systemd/system/agent-harness.service.d
      printf '[Service]\\nWatchdogSec=8\\nRestartSec=1\\n' > /run/systemd/system/agent-harness.service.d/fast.conf
      systemctl daemon-reload && systemctl restart agent-harness`);
    await letGo(false);
    await call("/projects/w/agents", { provider: "slow", name: "three", task: "still here" });
    await eventually("its process", async () => ((await statusOf("three")) === "processing" ? true : null));
    const before = await mainPid();
    await machine.sh(`kill -STOP ${before}`);
    await eventually(
      "another daemon",
      async () => {
        const pid = await mainPid();
        return pid !== before && pid !== 0 ? true : null;
      },
      60_000,
    );
    await letGo(true);
    await eventually(
      "the end of its turn",
      async () =>
        (await call("/projects/w/agents/three/messages/last").catch(() => "")).includes("still here") ? true : null,
      60_000,
    );
  }, 180_000);

  test("stop ends the daemon and not the agents; a wrong config and a missing credential wait for a person, with one line", async () => {
    await machine.sh(`rm /run/systemd/system/agent-harness.service.d/fast.conf
      systemctl daemon-reload && systemctl restart agent-harness`);
    await letGo(false);
    await call("/projects/w/agents", { provider: "slow", name: "four", task: "later" });
    await eventually("its process", async () => ((await statusOf("four")) === "processing" ? true : null));
    await machine.sh("systemctl stop agent-harness");
    expect(await machine.sh("pgrep -u agents -f 'until .*go'", { mayFail: true })).not.toBe("");
    writeFileSync(
      join(machine.root, "etc/agent-harness/harness.json"),
      JSON.stringify({ auth: { tokenFile: "$CREDENTIALS_DIRECTORY/other" } }),
    );
    await machine.sh("systemctl start agent-harness", { mayFail: true });
    expect(await machine.sh("systemctl show -p Result -p ExecMainStatus -p NRestarts agent-harness")).toContain(
      "ExecMainStatus=2",
    );
    expect(await machine.sh("systemctl is-active agent-harness", { mayFail: true })).toBe("failed\n");
    const said = await machine.sh("journalctl -u agent-harness -o cat -n 20");
    expect(said).toMatch(/auth\.tokenFile: cannot read .*credentials.*other: there is no such file/);
  }, 120_000);
});
