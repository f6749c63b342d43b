/**
 * Rows about accounts: what keeps one from working, who was told of it, and how much of an allowance is used. An agent
 * finds it, and it holds for all of its account; it outlives the agent and the daemon.
 */
import type { AccountLimit, Allowance, LimitClass } from "../words/limits.ts";
import type { Store } from "./database.ts";

const COLUMNS = `account, scope, class, message, since, resets_at AS resetsAt, resumes_at AS resumesAt, guessed,
  attempts, agent`;

type LimitRow = Omit<AccountLimit, "guessed" | "class"> & { readonly guessed: number; readonly class: string };

/** A class that is none is of a newer daemon, or damaged: what only a person can mend is what nobody waits for. */
const CLASSES: Readonly<Record<string, LimitClass>> = { limit: "limit", billing: "billing", auth: "auth" };

const fromRow = (row: LimitRow): AccountLimit => ({
  ...row,
  class: CLASSES[row.class] ?? "auth",
  guessed: row.guessed === 1,
});

export function saveLimit(store: Store, limit: AccountLimit): void {
  store.run(
    `INSERT OR REPLACE INTO account_limits
       (account, scope, class, message, since, resets_at, resumes_at, guessed, attempts, agent)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    limit.account,
    limit.scope,
    limit.class,
    limit.message,
    limit.since,
    limit.resetsAt,
    limit.resumesAt,
    limit.guessed ? 1 : 0,
    limit.attempts,
    limit.agent,
  );
}

/** It is over: nobody will be told of it any more. */
export function deleteLimit(store: Store, account: string, scope: string): void {
  store.run("DELETE FROM account_limits WHERE account = ? AND scope = ?", account, scope);
  store.run("DELETE FROM limit_told WHERE account = ? AND scope = ?", account, scope);
}

export function limitsOf(store: Store, account: string): AccountLimit[] {
  return store
    .all<LimitRow>(`SELECT ${COLUMNS} FROM account_limits WHERE account = ? ORDER BY scope`, account)
    .map(fromRow);
}

export function allLimits(store: Store): AccountLimit[] {
  return store.all<LimitRow>(`SELECT ${COLUMNS} FROM account_limits ORDER BY account, scope`).map(fromRow);
}

export function hasLimits(store: Store): boolean {
  return store.get("SELECT 1 FROM account_limits LIMIT 1") !== null;
}

type Named = Pick<AccountLimit, "account" | "scope" | "since">;

/** False when this destination was told already. */
export function tellOnce(store: Store, { account, scope, since }: Named, target: string, agent: string): boolean {
  return (
    store.run(
      "INSERT OR IGNORE INTO limit_told (account, scope, since, target, agent) VALUES (?, ?, ?, ?, ?)",
      account,
      scope,
      since,
      target,
      agent,
    ).changes > 0
  );
}

/** Who was named when each destination was told. */
export function toldOf(store: Store, { account, scope, since }: Named): readonly { target: string; agent: string }[] {
  return store.all<{ target: string; agent: string }>(
    "SELECT target, agent FROM limit_told WHERE account = ? AND scope = ? AND since = ? ORDER BY target",
    account,
    scope,
    since,
  );
}

export function saveAllowances(store: Store, account: string, windows: readonly Allowance[], now: number): void {
  for (const { scope, usedPercent, resetsAt } of windows)
    store.run(
      "INSERT OR REPLACE INTO allowances (account, scope, used_percent, resets_at, at) VALUES (?, ?, ?, ?, ?)",
      account,
      scope,
      usedPercent,
      resetsAt,
      now,
    );
}

export interface StoredAllowance extends Allowance {
  readonly account: string;
  readonly at: number;
}

export function allAllowances(store: Store): StoredAllowance[] {
  return store.all<StoredAllowance>(
    `SELECT account, scope, used_percent AS usedPercent, resets_at AS resetsAt, at FROM allowances
     ORDER BY account, scope`,
  );
}

/** Which account each agent's latest run was on. */
export function accountsOfAgents(store: Store): readonly { agent: string; account: string }[] {
  return store.all<{ agent: string; account: string }>(
    `SELECT r.agent, r.account FROM runs r JOIN (SELECT agent, max(n) AS n FROM runs GROUP BY agent) l
       ON l.agent = r.agent AND l.n = r.n WHERE r.account IS NOT NULL`,
  );
}

/** Agents of the account that have something to do. */
export function busyAgentsOf(store: Store, account: string): number {
  return (
    store.get<{ n: number }>(
      `SELECT count(*) AS n FROM agents a WHERE a.status IN ('starting', 'processing', 'waiting_input', 'limited')
         AND (SELECT r.account FROM runs r WHERE r.agent = a.id ORDER BY r.n DESC LIMIT 1) = ?`,
      account,
    )?.n ?? 0
  );
}

/** What keys are hashed with, so that two agents with one key are known to share an account, and nobody learns it. */
export function accountSalt(store: Store, make: () => string): string {
  const known = store.get<{ value: string }>("SELECT value FROM meta WHERE key = 'account_salt'");
  if (known !== null) return known.value;
  const made = make();
  store.run("INSERT INTO meta (key, value) VALUES ('account_salt', ?)", made);
  return made;
}
