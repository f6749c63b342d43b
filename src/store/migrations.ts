/**
 * The schema, as forward-only numbered steps. A step that has been released is never changed: a new one is added. Its
 * SQL is not indented, for it is carried by every program as it stands here.
 * Times are epoch milliseconds. JSON columns hold what the type of the same name in the code says.
 */

import { CLOCK_SPANS } from "./age.ts";

export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE projects (
 name TEXT PRIMARY KEY, cwd TEXT NOT NULL, trusted INTEGER, webhook TEXT, defaults TEXT NOT NULL DEFAULT '{}',
 created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE agents (
 id TEXT PRIMARY KEY, project TEXT NOT NULL REFERENCES projects(name), name TEXT, provider TEXT NOT NULL,
 uuid TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL, settings TEXT NOT NULL,
 created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
 UNIQUE (project, name)
) STRICT;
CREATE INDEX agents_by_project ON agents (project, created_at);
CREATE TABLE runs (
 agent TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE, n INTEGER NOT NULL, nonce TEXT NOT NULL,
 state TEXT NOT NULL CHECK (state IN ('spawning', 'running', 'ended')), identity TEXT, codec TEXT,
 read_offset INTEGER NOT NULL DEFAULT 0, frames INTEGER NOT NULL DEFAULT 0, unknown_frames INTEGER NOT NULL DEFAULT 0,
 skipped_lines INTEGER NOT NULL DEFAULT 0, version TEXT, outbox TEXT, exit_code INTEGER,
 started_at INTEGER NOT NULL, ended_at INTEGER,
 PRIMARY KEY (agent, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE inputs (
 id INTEGER PRIMARY KEY AUTOINCREMENT, agent TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE, n INTEGER NOT NULL,
 key TEXT NOT NULL UNIQUE, text TEXT NOT NULL, raw INTEGER NOT NULL, mode TEXT NOT NULL, state TEXT NOT NULL,
 turn TEXT, run INTEGER, written_at INTEGER, created_at INTEGER NOT NULL, ended_at INTEGER,
 UNIQUE (agent, n)
) STRICT;
CREATE TABLE turns (
 id TEXT PRIMARY KEY, agent TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE, n INTEGER NOT NULL,
 origin TEXT NOT NULL, input INTEGER, started_at INTEGER NOT NULL, ended_at INTEGER, outcome TEXT, error TEXT,
 UNIQUE (agent, n)
) STRICT;
CREATE TABLE messages (
 id INTEGER PRIMARY KEY AUTOINCREMENT, agent TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE, turn TEXT,
 run INTEGER NOT NULL, key TEXT NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL, parts TEXT NOT NULL, subagent TEXT,
 truncated INTEGER NOT NULL DEFAULT 0, announced INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL,
 UNIQUE (agent, run, key)
) STRICT;
CREATE INDEX messages_by_agent ON messages (agent, id);
CREATE INDEX messages_open ON messages (agent) WHERE announced = 0;
CREATE TABLE events (
 id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT, agent TEXT, type TEXT NOT NULL, data TEXT NOT NULL,
 at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_agent ON events (agent, id);
CREATE INDEX events_by_project ON events (project, id);
CREATE INDEX events_by_time ON events (at);
CREATE TABLE permissions (
 agent TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE, id TEXT NOT NULL, run INTEGER NOT NULL, ref TEXT NOT NULL,
 turn TEXT, kind TEXT NOT NULL, tool TEXT NOT NULL, title TEXT NOT NULL, detail TEXT NOT NULL, options TEXT NOT NULL,
 data TEXT NOT NULL, subagent TEXT, state TEXT NOT NULL, answer TEXT, settled_by TEXT,
 created_at INTEGER NOT NULL, settled_at INTEGER,
 PRIMARY KEY (agent, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (
 scope TEXT NOT NULL, key TEXT NOT NULL, body_hash TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL,
 input INTEGER, created_at INTEGER NOT NULL,
 PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency (created_at);
CREATE TABLE deliveries (
 id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, project TEXT, agent TEXT, event TEXT NOT NULL, url TEXT NOT NULL,
 token TEXT, own INTEGER NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
 attempts INTEGER NOT NULL DEFAULT 0, round INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0, next_at INTEGER, first_at INTEGER, last_error TEXT, created_at INTEGER NOT NULL,
 settled_at INTEGER
) STRICT;
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';
CREATE INDEX deliveries_order ON deliveries (url, agent, seq) WHERE state = 'pending';
CREATE TABLE attempts (
 delivery TEXT NOT NULL REFERENCES deliveries(id) ON DELETE CASCADE, n INTEGER NOT NULL, at INTEGER NOT NULL,
 duration_ms INTEGER NOT NULL, status INTEGER, error TEXT, response TEXT,
 PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  // A delivery counts what it waited instead of comparing clocks. Of those under way the clock is believed once more.
  `
ALTER TABLE deliveries ADD COLUMN delay_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN waited_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN absent_ms INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET delay_ms = 7200000, waited_ms = max(0, min(86400000, next_at - first_at))
 WHERE state = 'pending' AND first_at IS NOT NULL AND next_at IS NOT NULL;
ALTER TABLE deliveries DROP COLUMN first_at;`,
  // What lists over all agents, and of one agent's webhooks, walk along; what a turn used, and what each quarter hour
  // used, which outlives the agents.
  `
CREATE INDEX permissions_by_time ON permissions (created_at);
CREATE INDEX permissions_by_state ON permissions (state, created_at);
CREATE INDEX deliveries_by_agent ON deliveries (agent, seq);
CREATE INDEX deliveries_by_project ON deliveries (project, seq);
CREATE INDEX deliveries_by_state ON deliveries (state, seq);
ALTER TABLE turns ADD COLUMN usage TEXT;
CREATE TABLE usage (
 at INTEGER PRIMARY KEY, turns INTEGER NOT NULL DEFAULT 0, input_tokens INTEGER NOT NULL DEFAULT 0,
 output_tokens INTEGER NOT NULL DEFAULT 0, cache_read_tokens INTEGER NOT NULL DEFAULT 0,
 cache_write_tokens INTEGER NOT NULL DEFAULT 0, cost_usd REAL NOT NULL DEFAULT 0
) STRICT;`,
  // What a run's control group counted.
  `
ALTER TABLE runs ADD COLUMN cpu_ms INTEGER;
ALTER TABLE runs ADD COLUMN memory_peak_bytes INTEGER;`,
  // The line of output that decided an agent's status, as people are shown it.
  `
ALTER TABLE agents ADD COLUMN cause_frame TEXT;`,
  // Agents that are gone and whose words in the log, the outbox and the kept answers are still being taken out. A kept
  // answer belongs to an agent; of earlier ones it is only known that they are old soon.
  `
CREATE TABLE forgetting (agent TEXT PRIMARY KEY, after_event INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
ALTER TABLE idempotency ADD COLUMN agent TEXT;
ALTER TABLE deliveries ADD COLUMN orphaned INTEGER NOT NULL DEFAULT 0;
CREATE INDEX idempotency_by_agent ON idempotency (agent) WHERE agent IS NOT NULL;`,
  // Conversations that a person has in the program's own screen, and what was said there.
  `
CREATE TABLE leases (
 agent TEXT PRIMARY KEY REFERENCES agents(id) ON DELETE CASCADE, id TEXT NOT NULL, began_at INTEGER NOT NULL,
 screen TEXT
) STRICT, WITHOUT ROWID;
ALTER TABLE messages ADD COLUMN via TEXT;`,
  // Files that go with an input. The bytes lie in the agent's folder, under this name.
  `
CREATE TABLE attachments (
 input INTEGER NOT NULL REFERENCES inputs(id) ON DELETE CASCADE, n INTEGER NOT NULL, name TEXT NOT NULL,
 media_type TEXT NOT NULL, bytes INTEGER NOT NULL, file TEXT NOT NULL,
 PRIMARY KEY (input, n)
) STRICT, WITHOUT ROWID;`,
  // Whose input it is; what a check said of a turn.
  `
ALTER TABLE inputs ADD COLUMN origin TEXT NOT NULL DEFAULT 'user';
ALTER TABLE turns ADD COLUMN verify TEXT;`,
  // What other boxes of a fleet asked of this one.
  `
CREATE TABLE fleet_calls (
 id TEXT PRIMARY KEY, hash TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('begun', 'left', 'done')),
 status INTEGER, answer TEXT
) STRICT, WITHOUT ROWID;`,
  // Who used what, in each quarter hour.
  `
CREATE TABLE spending (
 at INTEGER NOT NULL, project TEXT NOT NULL, agent TEXT NOT NULL, account TEXT NOT NULL,
 turns INTEGER NOT NULL DEFAULT 0, estimated INTEGER NOT NULL DEFAULT 0, input_tokens INTEGER NOT NULL DEFAULT 0,
 output_tokens INTEGER NOT NULL DEFAULT 0, cache_read_tokens INTEGER NOT NULL DEFAULT 0,
 cache_write_tokens INTEGER NOT NULL DEFAULT 0, cost_usd REAL NOT NULL DEFAULT 0,
 PRIMARY KEY (at, project, agent, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX spending_by_project ON spending (project, at);`,
  // Tasks that this box took from a fleet's pool.
  `
CREATE TABLE fleet_tasks (
 task TEXT PRIMARY KEY, claim INTEGER NOT NULL, step TEXT NOT NULL CHECK (step IN ('held', 'running')),
 project TEXT NOT NULL, body TEXT NOT NULL, agent TEXT
) STRICT, WITHOUT ROWID;`,
  // Checks under way.
  `
CREATE TABLE checks (
 agent TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE, turn TEXT NOT NULL, n INTEGER NOT NULL,
 nonce TEXT NOT NULL, identity TEXT,
 PRIMARY KEY (turn, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX checks_by_agent ON checks (agent);`,
  // What keeps an account from working, whom it was told, and how much of its allowances is used; who pays for a run,
  // and when a turn waited for that.
  `
CREATE TABLE account_limits (
 account TEXT NOT NULL, scope TEXT NOT NULL, class TEXT NOT NULL, message TEXT NOT NULL, since INTEGER NOT NULL,
 resets_at INTEGER, resumes_at INTEGER, guessed INTEGER NOT NULL, attempts INTEGER NOT NULL, agent TEXT NOT NULL,
 PRIMARY KEY (account, scope)
) STRICT, WITHOUT ROWID;
CREATE TABLE limit_told (
 account TEXT NOT NULL, scope TEXT NOT NULL, since INTEGER NOT NULL, target TEXT NOT NULL, agent TEXT NOT NULL,
 PRIMARY KEY (account, scope, since, target)
) STRICT, WITHOUT ROWID;
CREATE TABLE allowances (
 account TEXT NOT NULL, scope TEXT NOT NULL, used_percent REAL NOT NULL, resets_at INTEGER, at INTEGER NOT NULL,
 PRIMARY KEY (account, scope)
) STRICT, WITHOUT ROWID;
ALTER TABLE runs ADD COLUMN account TEXT;
ALTER TABLE turns ADD COLUMN parked TEXT;`,
  // Folders of agents and what was kept of them: both outlive their agents, so that work can be found again.
  `
CREATE TABLE workspaces (
 id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT, kind TEXT NOT NULL, state TEXT NOT NULL,
 folder TEXT NOT NULL, cwd TEXT NOT NULL, source TEXT NOT NULL, base TEXT, target TEXT, branch TEXT,
 merged_into TEXT NOT NULL, created_at INTEGER NOT NULL, gone_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots (
 agent TEXT NOT NULL, id TEXT NOT NULL, commit_id TEXT NOT NULL, tree TEXT NOT NULL, at INTEGER NOT NULL,
 files INTEGER NOT NULL, insertions INTEGER NOT NULL, deletions INTEGER NOT NULL, skipped TEXT NOT NULL,
 bytes INTEGER NOT NULL, took_ms INTEGER NOT NULL,
 UNIQUE (agent, id)
) STRICT;`,
  // What the agents of a project may spend in a day, and of which limits they were told that day.
  `
ALTER TABLE projects ADD COLUMN budget_per_day TEXT;
CREATE TABLE budget_told (
 project TEXT NOT NULL, day INTEGER NOT NULL, word TEXT NOT NULL,
 PRIMARY KEY (project, day, word)
) STRICT, WITHOUT ROWID;`,
  // How many commits an agent had made when its folder was kept; what was kept before does not know.
  `
ALTER TABLE snapshots ADD COLUMN commits INTEGER;`,
  // Every start of the daemon, and which processes lived through it.
  `
CREATE TABLE starts (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL) STRICT;
CREATE TABLE start_runs (
 start INTEGER NOT NULL REFERENCES starts(id) ON DELETE CASCADE,
 agent TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE, run INTEGER NOT NULL, lived INTEGER,
 PRIMARY KEY (start, agent)
) STRICT, WITHOUT ROWID;
CREATE INDEX start_runs_by_agent ON start_runs (agent);`,
  // What a turn gave as its result.
  `
ALTER TABLE turns ADD COLUMN result TEXT;`,
  // Tokens without a price. Of agents of which no cost was ever told, all of them were.
  `
ALTER TABLE usage ADD COLUMN unpriced_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spending ADD COLUMN unpriced_tokens INTEGER NOT NULL DEFAULT 0;
UPDATE spending SET unpriced_tokens = input_tokens + output_tokens + cache_read_tokens + cache_write_tokens
 WHERE agent NOT IN (SELECT agent FROM spending WHERE cost_usd > 0);`,
  // Tasks of a fleet's pool that this box ever began.
  `
CREATE TABLE fleet_started (
 n INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL UNIQUE, claim INTEGER NOT NULL, agent TEXT NOT NULL,
 ended TEXT CHECK (ended IN ('done', 'failed', 'cancelled')), error TEXT, at INTEGER NOT NULL
) STRICT;
CREATE INDEX fleet_started_by_age ON fleet_started (at);
INSERT INTO fleet_started (task, claim, agent, at)
 SELECT task, claim, agent, unixepoch() * 1000 FROM fleet_tasks WHERE step = 'running' AND agent IS NOT NULL;`,
  // Keys grow old by the time in which the store is in use, no more by the wall clock.
  `
UPDATE idempotency SET created_at = 0;`,
  // All that is kept for a time does.
  `
${CLOCK_SPANS}
INSERT INTO clock_spans (since, until, wall)
 SELECT CAST(value AS INTEGER), CAST(value AS INTEGER), unixepoch() * 1000 FROM meta WHERE key = 'age_ms';
DELETE FROM meta WHERE key = 'age_ms';`,
  // A wait counts as far as it was waited.
  `
ALTER TABLE deliveries ADD COLUMN since_age INTEGER;`,
];
