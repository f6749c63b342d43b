/** The printed units: what must be in them, what must never be, and a reason beside each line. */
import { describe, expect, test } from "bun:test";
import { unitOf } from "../../../src/cli/units.ts";

const unit = (program: "agent-harness" | "webhook-receiver", user = false): string =>
  unitOf({ program, user, binDir: "/opt/bin" }).text;
const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

const ALL = [
  ["the daemon's", unit("agent-harness")],
  ["the daemon's for one user", unit("agent-harness", true)],
  ["the receiver's", unit("webhook-receiver")],
  ["the receiver's for one user", unit("webhook-receiver", true)],
] as const;

describe.each(ALL)("%s unit", (_name, text) => {
  test("starts again for ever, but not on a wrong config, and says when it is ready", () => {
    for (const line of ["Type=notify", "Restart=always", "RestartSec=5", "RestartPreventExitStatus=2"])
      expect(lines(text)).toContain(line);
    expect(text.indexOf("StartLimitIntervalSec=0")).toBeLessThan(text.indexOf("[Service]"));
  });

  test("asks for more descriptors than the thousand that some distributions begin with", () => {
    const asked = lines(text).flatMap((line) => /^LimitNOFILE=(\d+)$/.exec(line)?.[1] ?? []);
    expect(asked).toEqual([text.includes("webhook-receiver") ? "16384" : "65536"]);
  });

  test("gives a reason for each line that is not plain", () => {
    const plain = /^(\[|#|Description=|ExecStart=|WantedBy=)/;
    let explained = false;
    for (const line of lines(text)) {
      if (line.startsWith("#")) explained = true;
      else if (plain.test(line)) explained = false;
      else expect([line, explained || line.startsWith("Environment=AH_")]).toEqual([line, true]);
    }
  });

  test("is no wider than a terminal", () => {
    expect(lines(text).filter((line) => line.length > 120)).toEqual([]);
  });
});

describe.each([unit("agent-harness"), unit("agent-harness", true)])("the daemon's unit", (text) => {
  test("leaves agents alone at a restart, and their folders where they are", () => {
    for (const line of ["KillMode=process", "Delegate=yes", "DelegateSubgroup=main", "OOMPolicy=continue"])
      expect(lines(text)).toContain(line);
    for (const harmful of [
      "PrivateTmp",
      "DynamicUser",
      "RuntimeDirectory",
      "UMask",
      "ProtectHome",
      "RestrictNamespaces",
    ])
      expect(text).not.toContain(`\n${harmful}=`);
  });
});

test("a user's unit asks for nothing that only the system's manager can give", () => {
  for (const text of [unit("agent-harness", true), unit("webhook-receiver", true)])
    for (const line of lines(text)) expect(line).not.toMatch(/^(User|LoadCredential|StateDirectory|DynamicUser)=/);
});

test("the steps end with the service enabled, and write tokens that nobody else reads", () => {
  const { steps } = unitOf({ program: "agent-harness", user: false, binDir: "/opt/bin" });
  expect(steps.at(-1)).toContain("enable --now agent-harness");
  expect(steps.join("\n")).toContain("umask 077");
});
