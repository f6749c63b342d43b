/** What a scraper learns of accounts, checks and budgets, and the whole list of what there is to scrape. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { FAKES } from "../support/binary.ts";
import type { TestDaemon } from "../support/daemon.ts";
import { testDaemon } from "../support/daemon.ts";

setDefaultTimeout(60_000);

let daemon: TestDaemon;
const RESET = Math.ceil(Date.now() / 1000) * 1000 + 3_600_000;
beforeAll(async () => {
  const limit = join(mkdtempSync(join(tmpdir(), "ah-limit-")), "until");
  const command = [process.execPath, join(FAKES, "claude.ts")];
  daemon = await testDaemon({
    providers: {
      work: { kind: "claude-code", account: "work", command, env: { FAKE_LIMIT: limit } },
      home: { kind: "claude-code", account: "home", command },
    },
  });
  writeFileSync(limit, String(RESET));
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd, trusted: true });
});
afterAll(() => daemon.close());

const scrape = async (): Promise<string> => (await fetch(`${daemon.api().url}/metrics`)).text();
const make = (provider: string, more: Record<string, unknown> = {}) =>
  daemon.api().post("/projects/p/agents", { provider, task: "do it", ...more });

test("an account at its limit shows since when, until when, how often it was tried, and how many wait", async () => {
  const before = Date.now() / 1000;
  await make("work");
  await make("work");
  const page = await eventually("both to wait", async () => {
    const text = await scrape();
    return text.includes('agent_harness_account_agents_parked{account="claude-code:work"} 2\n') && text;
  });
  const value = (name: string): number =>
    Number(
      new RegExp(
        `^agent_harness_account_${name}\\{account="claude-code:work",scope="five_hour",class="limit"\\} (.*)$`,
        "m",
      ).exec(page)?.[1],
    );
  expect(value("limited_since_seconds")).toBeGreaterThanOrEqual(Math.floor(before));
  expect(value("resets_at_seconds")).toBe(RESET / 1000);
  expect(value("resumes_at_seconds")).toBeGreaterThanOrEqual(RESET / 1000 + 30);
  expect(value("probes")).toBe(0);
  expect(page).toContain('agent_harness_account_used_ratio{account="claude-code:work",scope="seven_day"} 0.4\n');
  expect(page).not.toContain("claude-code:home");
});

test("a check that runs, and a queue that a budget holds, are counted while they are", async () => {
  const gate = join(daemon.dir, "gate");
  const { agent } = await make("home", {
    verify: { command: `while [ ! -e ${gate} ]; do sleep 0.02; done` },
    budget: { turns: 2 },
  });
  const path = `/projects/p/agents/${agent?.["id"]}`;
  for (const text of ["and this", "and that"]) await daemon.api().post(`${path}/input`, { text });
  await eventually("the check", async () => (await scrape()).includes("agent_harness_checks_running 1\n"));
  expect(await scrape()).toContain("agent_harness_agents_held_by_budget 0\n");
  writeFileSync(gate, "");
  await eventually("the queue to be held", async () =>
    (await scrape()).includes("agent_harness_agents_held_by_budget 1\n"),
  );
  expect(await scrape()).toContain("agent_harness_checks_running 0\n");
});

test("all there is to scrape, by name and type; each says in a sentence what it is", async () => {
  const page = await scrape();
  // What only the kernel counts is there where it does.
  const ofRuns = /^agent_harness_run_/;
  const types = Object.fromEntries(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = "", type]) =>
      ofRuns.test(name) ? [] : [[name.replace("agent_harness_", ""), type]],
    ),
  );
  expect(types).toEqual({
    info: "gauge",
    uptime_seconds: "gauge",
    ready: "gauge",
    projects: "gauge",
    agents: "gauge",
    processes: "gauge",
    pending_permissions: "gauge",
    queued_inputs: "gauge",
    tokens_total: "counter",
    cost_usd_total: "counter",
    unpriced_tokens_total: "counter",
    turns_total: "counter",
    events_total: "counter",
    deliveries: "gauge",
    account_limited_since_seconds: "gauge",
    account_resets_at_seconds: "gauge",
    account_resumes_at_seconds: "gauge",
    account_probes: "gauge",
    account_agents_parked: "gauge",
    account_used_ratio: "gauge",
    checks_running: "gauge",
    agents_held_by_budget: "gauge",
  });
  for (const [, name, help] of page.matchAll(/^# HELP (\S+) (.*)$/gm)) expect(`${name} ${help}`).toMatch(/\.$/);
});
