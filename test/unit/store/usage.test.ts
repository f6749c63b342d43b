/** Whose account what was used counts for, and which of it has no price. */
import { expect, test } from "bun:test";
import { openStore } from "../../../src/store/database.ts";
import { MIGRATIONS } from "../../../src/store/migrations.ts";
import { insertRun, saveRunAccount } from "../../../src/store/runs.ts";
import { addTurn, addUsage, projectUsageSince, usageRows, usageSince } from "../../../src/store/usage.ts";

const SHOP = { project: "shop", agent: "a" };

function storeWithAgent() {
  const store = openStore(":memory:");
  store.run("INSERT INTO projects (name, cwd, created_at) VALUES ('shop', '/', 0)");
  store.run(
    "INSERT INTO agents (id, project, provider, uuid, status, state, settings, created_at, updated_at) VALUES ('a', 'shop', 'work', 'u', 'idle', '{}', '{}', 0, 0)",
  );
  return store;
}

const byAccount = (store: ReturnType<typeof storeWithAgent>): Record<string, number> =>
  Object.fromEntries(usageRows(store, 0).map(({ account, inputTokens }) => [account, inputTokens]));

test("what a run used counts for the account it is on, and stays there when the next run is on another", () => {
  const store = storeWithAgent();
  insertRun(store, "a", 1, "n1", 0);
  saveRunAccount(store, "a", 1, "claude-code:work");
  addUsage(store, SHOP, { inputTokens: 10 }, 0, 0);
  insertRun(store, "a", 2, "n2", 0);
  saveRunAccount(store, "a", 2, "claude-code:home");
  addUsage(store, SHOP, { inputTokens: 5 }, 0, 0);
  addTurn(store, SHOP, false, 0);
  expect(byAccount(store)).toEqual({ "claude-code:work": 10, "claude-code:home": 5 });
});

test.each([
  ["before it ever ran", () => undefined, "work"],
  ["in a run whose account was never stored", (store: never) => insertRun(store, "a", 1, "n", 0), "work"],
  ["of an agent that is gone", (store: never) => openAnew(store), ""],
] as const)("%s its provider stands for the account, or nothing does", (_when, happens, account) => {
  const store = storeWithAgent();
  happens(store as never);
  addUsage(store, SHOP, { inputTokens: 3 }, 0, 0);
  expect(byAccount(store)).toEqual({ [account]: 3 });
});

const openAnew = (store: ReturnType<typeof storeWithAgent>): void => void store.run("DELETE FROM agents");

test("tokens without a price are counted for the agent, the project and the box", () => {
  const store = storeWithAgent();
  addUsage(store, SHOP, { inputTokens: 10, costUsd: 1 }, 0, 0);
  addUsage(store, SHOP, { inputTokens: 4 }, 4, 0);
  const sums = [usageSince(store, 0), projectUsageSince(store, "shop", 0), ...usageRows(store, 0)];
  for (const each of sums) expect(each).toMatchObject({ inputTokens: 14, costUsd: 1, unpricedTokens: 4 });
});

test("of what was counted before, the tokens of agents that never told a cost have no price", () => {
  const store = storeWithAgent();
  store.run("ALTER TABLE usage DROP COLUMN unpriced_tokens");
  store.run("ALTER TABLE spending DROP COLUMN unpriced_tokens");
  for (const [agent, cost] of [
    ["priced", 0.5],
    ["codex", 0],
  ] as const)
    store.run(
      "INSERT INTO spending (at, project, agent, account, input_tokens, output_tokens, cost_usd) VALUES (0, 'shop', ?, 'x', 7, 1, ?)",
      agent,
      cost,
    );
  for (const sql of (MIGRATIONS.find((each) => each.includes("unpriced_tokens")) ?? "")
    .split(";")
    .filter((each) => each.trim()))
    store.run(sql);
  const rows = usageRows(store, 0).map(({ agent, unpricedTokens }) => [agent, unpricedTokens]);
  expect(rows.sort()).toEqual([
    ["codex", 8],
    ["priced", 0],
  ]);
});
