/**
 * Some hundred and sixty ways to break the heart: a condition flipped, an effect dropped, an order swapped, a number moved. Each must
 * be noticed by a test. `from` stands in its file exactly once; who changes such a line changes its row.
 */
import type { Edit } from "./support/edits.ts";

export interface Mutant extends Edit {
  /** Why no test can notice it, where none can. */
  readonly survives?: string;
}

/** [from, to] for each file. */
const EDITS: Readonly<Record<string, readonly (readonly [from: string, to: string, survives?: string])[]>> = {
  "src/agents/state/reduce.ts": [
    ["s.open.some((each) => !each.answered)) return \"waiting_input\"", "s.open.length > 0) return \"waiting_input\""],
    ["live && (reached(s) || s.intent === null)", "live && reached(s)"],
    ["if (s.queue.length === 0) s.held = false;", ""],
    ["if (isBusy(before.status) && !isBusy(status)) s.quietSince = env.ranMs;", ""],
    ["if (isBusy(before.status) && !isBusy(status)) notify(work, status);", "if (!isBusy(status)) notify(work, status);", "a turn ends only while busy, and its end is told with the end of busy: nothing is left to be told at rest"],
    ["if (s.stalled) s.stalled = false;", ""],
    ["if (s.unnoticed.length === 0 && !s.startFailed) return;", ""],
    ["  s.unnoticed = [];\n", ""],
    ["  interrupted: \"agent_aborted\",", "  interrupted: \"agent_completed\","],
  ],
  "src/agents/state/exit.ts": [
    ["  withdraw(work, \"exit\", () => true);\n", ""],
    ["if (again && s.starts > 0) return;", "if (again) return;"],
    ["s.starts = s.turn.mended ? 0 : 1;", "s.starts = 1;"],
    ["if (again) closeTurn(work, \"lost\", lost, \"requeue\");", "if (!again) closeTurn(work, \"lost\", lost, \"requeue\");"],
    ["s.startFailed = !waiting && (s.turn !== null || s.wanted);", "s.startFailed = true;"],
    ["return s.flight.run === null || env.redelivery !== \"none\";", "return true;"],
    ["code > 128 ?", "code >= 128 ?"],
  ],
  "src/agents/state/frames.ts": [
    ["if (s.intent === null) endProcess(work, \"refused\", false);", "endProcess(work, \"refused\", false);"],
    ["if (heardWhileClosing(work, true) || s.turn !== null) return;\n      openTurn", "if (heardWhileClosing(work, true)) return;\n      openTurn"],
    ["if (s.ready) return; // the answer", "// the answer"],
    ["if (!found.answered) out.push({ do: \"settle_permission\"", "out.push({ do: \"settle_permission\""],
    ["if (s.background === fact.tasks) return;", ""],
    ["if (s.open.some((each) => each.ref === fact.id)) return;", ""],
    ["if (fact.kind === \"tool\" && env.permissions !== \"ask\") {", "if (env.permissions !== \"ask\") {"],
  ],
  "src/agents/state/ending.ts": [
    ["over(work, end, end.outcome === \"interrupted\")", "over(work, end)"],
    ["|| !reached(work.s) || isParked(work.s) || heard", "|| isParked(work.s) || heard"],
  ],
  "src/agents/state/closing.ts": [
    ["wanted.filter((step) => STEPS[step].lasts || !asked)", "wanted"],
    ["outcome = late ? \"failed\" : \"interrupted\";", ""],
    ["fed >= attempts || !mayFeed(work)) return close(work);", "!mayFeed(work)) return close(work);"],
    ["if (closing.lost === 0) return begin", "return begin"],
    ["if (fact.turn !== turn.id || fact.step !== step) return;", ""],
    ["{ id: fact.id, key: fact.key, run: null, fed: true }, ...s.queue]", "...s.queue, { id: fact.id, key: fact.key, run: null, fed: true }]"],
    ["  s.held = false;\n  s.starts = 1;\n", "  s.starts = 1;\n"],
    ["  if (held) s.held = true;\n", ""],
    ["if (steps.length > 0) s.turn = { ...turn, closing: { ...cut, steps } };", "if (false) return true;"],
    ["(closing.expired ? CLOSING_GRACE_MS : 0)", "0"],
  ],
  "src/agents/state/turns.ts": [
    ["if (s.turn !== null || s.held || s.intent === \"delete\") return;", "if (s.turn !== null || s.intent === \"delete\") return;"],
    ["if (s.stale) return endProcess(work, \"restart\", true);", ""],
    ["if (flight.run !== null && env.redelivery === \"history\") return;", ""],
    ["  s.starts = 0;\n  s.run += 1;", "  s.run += 1;"],
    ["if (s.rest === \"exited\") s.rest = \"idle\";", ""],
    ["  failed: \"error\",\n", "  failed: \"idle\",\n"],
    ["  withdraw(work, \"turn_end\", (each) => each.turn === turn.id);\n", ""],
    ["if (outcome === \"lost\" || (outcome === \"failed\" && turn.interrupt?.reason !== \"input\")) s.held = true;", ""],
    ["{ fed: true } : {}) }, ...s.queue];", "{ fed: true } : {}) }];"],
    ["if (flight === null || flight.accepted) return \"ended\";", "if (flight === null) return \"ended\";"],
    ["if (s.ready && s.process === \"running\") out.push({ do: \"interrupt\" });", ""],
  ],
  "src/agents/state/user.ts": [
    ["s.queue = fact.mode === \"interrupt\" ? [item, ...s.queue] : [...s.queue, item];", "s.queue = [...s.queue, item];"],
    ["if (!fact.keepQueued) cancelQueue(work);", "cancelQueue(work);"],
    ["if (s.process === \"running\") s.stale = true;", ""],
    ["if (!s.open.some((each) => each.id === fact.id && !each.answered)) return;", ""],
    ["state: fact.decision === \"deny\" ? \"denied\" : \"allowed\",", "state: \"allowed\","],
  ],
  "src/agents/state/time.ts": [
    ["if (due.at > env.ranMs) continue;", "if (due.at >= env.ranMs) continue;"],
    ["if (turn === null ? !s.startInLine : turn.stallTold) return;", "if (turn === null) return;"],
    [", \"refused\", \"restart\", \"timeout\"];", "];"],
    ["    s.background === 0 &&\n", "    true &&\n"],
    ["turn.countingSince + limits.turnTimeoutMs - turn.activeMs", "turn.countingSince + limits.turnTimeoutMs"],
    ["if (!each.answered)\n", "if (each.answered)\n"],
    ["return stored.ms + Math.max(0, between);", "return stored.ms + between;"],
  ],
  "src/agents/state/budget.ts": [
    ["return s.workedMs + turn.activeMs + (turn.countingSince", "return s.workedMs + (turn.countingSince"],
    ["if (turn === null) return s.workedMs;", "if (turn === null) return 0;"],
    ["const isSpent = ({ used, limit }: Standing): boolean => used >= limit;", "const isSpent = ({ used, limit }: Standing): boolean => used > limit;"],
    ["const used = day.spent[key] + more[key];", "const used = day.spent[key];"],
    ["until: standing.scope === \"day\" && day !== null ? day.endsAt : null", "until: null"],
    ["return key === \"wallMs\" || (key !== \"turns\" && metering[key] === \"answer\");", "return key === \"wallMs\" || key !== \"turns\";"],
    ["(each.key === \"turns\" && each.used > each.limit && s.turn?.origin === \"agent\"),", "false,"],
    ["if (each.used >= each.limit * NEARLY) tellOnce(work, each, \"\");", ""],
    ["if (s.budgetTold.includes(word)) return;", ""],
    ["const spent = s.workedMs + turn.activeMs;", "const spent = s.workedMs;"],
  ],
  "src/agents/state/spending.ts": [
    ["  if (Object.values(more).every((each) => each === 0)) return;\n", ""],
    ["  checkSpent(work);\n  // Others may", "  // Others may"],
    ["if (sharedSpent(work) > sharedBefore) out.push({ do: \"tell_sharers\" });", ""],
    ["s.turn.interrupt !== null || s.turn.closing !== null || isParked(s)) return;", "s.turn.interrupt !== null || s.turn.closing !== null) return;"],
    ["return s.usage.costUsd === undefined ? tokensIn(more) : 0;", "return 0;"],
    ["if (overspent === null || !s.held || s.turn !== null) return;", "if (overspent === null || s.turn !== null) return;"],
    ["if (!due || spentOf(s, env) !== null ||", "if (spentOf(s, env) !== null ||"],
    ["  s.overspent = null;\n  s.starts = 1;\n", "  s.starts = 1;\n"],
    ["wasKilled && env.totalsDieWithIt ? killed(s.meter, s.run)", "env.totalsDieWithIt ? killed(s.meter, s.run)"],
  ],
  "src/agents/state/reserve.ts": [
    ["  s.held = true;\n  s.overspent = over;", "  s.overspent = over;"],
    ["if (!over.waits) tellHeld(work, over);", ""],
    ["return shared.limit - shared.used - env.day.reservedUsd;", "return shared.limit - shared.used;"],
    ["own === Infinity ? free / 2 : most", "most"],
    ["if (!keeps && s.process === \"running\") s.stale = true;", ""],
    ["if (!fits && s.process === \"running\") s.stale = true;", ""],
  ],
  "src/agents/state/usage.ts": [
    ["const more = goesOn && (sameRun || known || value >= last) ? Math.max(0, value - last) : value;", "const more = goesOn ? Math.max(0, value - last) : value;"],
    ["Math.max(0, more - (goesOn ? (ahead[key] ?? 0) : 0))", "more"],
    ["value - (sameRun ? (meter.beside[key] ?? 0) : 0)", "value"],
    ["  if (meter.run !== run) return meter;\n", ""],
    ["const unsure = estimated || lost;", "const unsure = estimated;"],
    ["    estimated: true,\n  };", "    estimated: meter.estimated,\n  };"],
  ],
  "src/agents/state/limit.ts": [
    ["if (env.onLimit === \"fail\") return fail(work, found);", ""],
    ["  if (attempts >= MOST_ATTEMPTS)\n", "  if (false)\n"],
    ["turn.startedAt <= before.since ? before : undefined", "true ? before : undefined"],
    ["if (work.s.flight !== null && work.s.flight.run === null) closeTurn(work, \"failed\", error, \"requeue\");\n  else ", ""],
    ["|| !reached(s) || waits(s)) return;", "|| !reached(s)) return;"],
    ["if (s.ready && s.process === \"running\" && s.intent === null) out.push({ do: \"interrupt\" });", ""],
    ["if (s.limited.stage === \"leaving\") meetLimit(work, s.limited);", ""],
    ["stage: \"going\", stageAt: env.ranMs, attempts: limited.attempts + 1 };", "stage: \"going\", stageAt: env.ranMs };"],
    ["  s.starts = 1;\n  s.again = null;", "  s.again = null;"],
    ["if (limit.class === \"limit\" && limit.scope !== mine) continue;", ""],
    ["if (mine !== null) out.push({ do: \"limits_changed\" });", ""],
    ["if (!isParked(work.s) || work.s.flight !== null) return false;", "if (!isParked(work.s)) return false;"],
  ],
  "src/agents/state/parked.ts": [
    ["return limited !== null && limited.stage !== \"going\";", "return limited !== null;"],
    ["if (env.onLimit === \"fail\") return null;", ""],
    ["  withdraw(work, \"turn_end\", (each) => each.turn === turn.id);\n", ""],
    ["    out.push({ do: \"input_state\", id: s.flight.input, state: \"ended\" });\n", ""],
    ["if (s.process === \"gone\") s.process = \"none\";", ""],
    ["since: s.limited?.since ?? env.nowMs,", "since: env.nowMs,"],
  ],
  "src/agents/state/limit-time.ts": [
    ["resetsAt > nowMs && resetsAt - nowMs <= FARTHEST_MS", "resetsAt > nowMs"],
    ["if (!better) return before;", ""],
    ["model !== null && model.toLowerCase().includes(only)", "model !== null"],
    ["if (limit.class !== \"limit\") return false;", ""],
  ],
  "src/agents/state/saving.ts": [
    ["steps.length === 1 && steps[0] === \"snapshot\" && !expired && limitMs > SAVING_WAIT_MS", "steps[0] === \"snapshot\" && !expired && limitMs > SAVING_WAIT_MS"],
    ["if (s.saving === null || s.saving.turn !== turn || step !== \"snapshot\") return false;", "if (s.saving === null || step !== \"snapshot\") return false;"],
    ["  if (!s.saving.expired) {\n", "  if (false) {\n"],
    ["  out.push({ do: \"close_cancel\" });\n", ""],
  ],
  "src/night/plan.ts": [
    ["if (stored.class !== \"limit\") continue;", ""],
    ["if (trying.length > 0) again(Math.min(...trying));\n    else if", "if"],
    ["if (left <= 0) forgotten.push(limit);", "forgotten.push(limit);"],
    ["a.since - b.since || (a.id < b.id ? -1 : 1)", "b.since - a.since || (a.id < b.id ? -1 : 1)"],
    ["const at = released.get(id) ?? ranMs", "const at = ranMs"],
  ],
  "src/process/spool.ts": [
    ["if (begun.has(base)) return \"writing\";", ""],
    ["if (writers(base).length > 0) return \"writing\";", ""],
    ["return existsSync(`${base}.whole`) ? \"whole\" : \"torn\";", "return \"torn\";"],
    ["    takeAway(base); // one that", "    // one that"],
  ],
  "src/process/fifo.ts": [
    ["paths, id);\n      if (status === \"torn\") torn = true;", "paths, id);"],
    ["if (status === \"whole\") await endLine(id);", ""],
    ["    if (status === \"torn\") torn = true;\n    if (ended", "    if (ended"],
    ["        if ((await settleOpen()) === line) return \"written\";\n", ""],
    ["status === \"whole\" ? await endLine(id) : ", "", "a writer that is killed between its last two steps leaves this for a daemon that still lives; its successor's way is held"],
    ["const SPOIL = Buffer.from(\"!\\n\");", "const SPOIL = Buffer.from(\"\\n\");"],
    ["if (torn) return \"torn\";", ""],
  ],
  "src/agents/step.ts": [
    ["        progress = NO_PROGRESS;\n", ""],
    ["const provable = env.redelivery !== \"dedupe\";", "const provable = true;"],
    ["if (!repeats) this.touched();", "this.touched();"],
    ["if (progress.outbox.length > 0 && (state.flight === null || state.flight.accepted))", "if (progress.outbox.length > 0)"],
    ["progress = { ...progress, unknownFrames: progress.unknownFrames + 1 };", ""],
  ],
  "src/agents/journal.ts": [
    ["      hooks.stored?.(value);\n", ""],
    ["      hooks.announced?.(value);\n", ""],
    ["(wanted() ? prepare(scope, work, hooks) : null)", "prepare(scope, work, hooks)"],
  ],
  "src/providers/claude-code/turn.ts": [
    ["if (line[\"is_error\"] !== true) return { outcome: \"completed\" };", "return { outcome: \"completed\" };"],
    ["work.state.says !== \"idle\" || !work.state.turn ||", "work.state.says !== \"idle\" ||"],
  ],
  "src/providers/claude-code/permissions.ts": [
    ["if (answer.decision === \"deny\") {", "if (answer.decision !== \"deny\") {"],
    ["if (!which(open, id)) continue;", ""],
  ],
  "src/providers/codex/turns.ts": [
    ["if (id === \"\" || id === lastEnded) return;", "if (id === \"\") return;"],
    ["if (params[\"willRetry\"] !== true || ", "if ("],
  ],
  "src/providers/codex/approvals.ts": [
    ["always ? \"acceptForSession\" : allowed ? \"accept\" : \"decline\"", "allowed ? \"accept\" : \"decline\""],
    ["if (!allowed) return { action: \"decline\", content: null, _meta: null };", ""],
  ],
  "src/providers/opencode/codec.ts": [
    ["if (interrupting) commands.push({ cmd: \"interrupt\" });", ""],
    ["return { type: \"message_done\", key: line.message };", "return { type: \"retry_over\" };"],
  ],
  "src/providers/opencode/asks.ts": [["always ? \"always\" : \"once\"", "\"once\""]],
  "src/providers/pi/run.ts": [
    ["if (prompt === null || prompt.key !== frame.id) return;", "if (prompt === null) return;"],
    ["if (run !== \"ending\") return;", ""],
  ],
  "src/providers/pi/dialogs.ts": [["if (answer.decision === \"deny\") return { cancelled: true };", ""]],
  "src/providers/acp/turn.ts": [
    ["if (draft.state.prompt?.cancelling === true) return answered(draft, \"interrupted\", null, nowMs);", ""],
    ["if (prompt === null || prompt.accepted) return;", "if (prompt === null) return;"],
  ],
  "src/providers/acp/permissions.ts": [["if (chosen !== null || decision === \"deny\") return chosen;", "if (chosen !== null) return chosen;"]],
  "src/providers/command.ts": [
    ["if (code === 0) return { type: \"turn_ended\", outcome: \"completed\" };", "return { type: \"turn_ended\", outcome: \"completed\" };"],
    ["if (state.interrupting) return { type: \"turn_ended\", outcome: \"interrupted\" };", ""],
  ],
  "src/bridge/verdict.ts": [
    ["if (status.type !== \"idle\") return { over: false, why: \"busy\" };", ""],
    ["if (orphan) return { over: true, outcome: \"lost\", error: LOST };\n    if (waitedMs < NO_ANSWER_MS)", "if (waitedMs < NO_ANSWER_MS)"],
  ],
  "src/webhook/schedule.ts": [["      return { state: \"delivered\" };", "      return { state: \"dead\", reason: \"\" };"]],
  "src/webhook/worker.ts": [
    ["if (found === null || found.state !== \"pending\") return;", "if (found === null) return;", "between the choice of a delivery and its sending lies one microtask: nothing settles it there"],
    ["if (cut.signal.aborted && result.status === null) return;", ""],
    ["if (stepMs < 0) shiftPending(store, stepMs);", ""],
  ],
  "src/receiver/worker.ts": [
    ["if (stepMs < 0) await inbox.shift(name, stepMs);", ""],
    ["if (abort.signal.aborted && result.outcome.type !== \"delivered\") return Infinity;", ""],
    ["!free && (tries >= retry.maxTries ||", "(tries >= retry.maxTries ||"],
  ],
};

export const MUTANTS: readonly Mutant[] = Object.entries(EDITS).flatMap(([file, edits]) =>
  edits.map(([from, to, survives]) => ({ file, from, to, ...(survives === undefined ? {} : { survives }) })),
);

/** Which tests have to notice it; the quick ones first, and on with the next only while nothing failed. */
export const NEAREST: readonly (readonly [prefix: string, tests: readonly string[]])[] = [
  [
    "src/agents/",
    [
      "unit/agents/state/reduce.test.ts",
      "unit/agents/state/budget.test.ts",
      "unit/agents/state/usage.test.ts",
      "unit/agents/state/limit-time.test.ts",
      "unit/agents/step.test.ts",
      "unit/agents/actor.test.ts",
      "unit/agents/journal.test.ts",
      "unit/lib/running-time.test.ts",
      "unit/fuzz/reducer.test.ts",
      "provider/claude-code.test.ts",
    ],
  ],
  ["src/night/", ["unit/night/plan.test.ts"]],
  ["src/process/", ["unit/process/fifo.test.ts", "unit/process/agent-file.test.ts"]],
  ["src/providers/claude-code/", ["unit/providers/claude-code", "provider/claude-code.test.ts"]],
  ["src/providers/codex/", ["unit/providers/codex", "provider/codex.test.ts"]],
  ["src/providers/opencode/", ["unit/providers/opencode", "unit/bridge", "provider/opencode.test.ts"]],
  ["src/providers/pi/", ["unit/providers/pi", "provider/pi.test.ts"]],
  ["src/providers/acp/", ["unit/providers/acp", "provider/acp.test.ts"]],
  ["src/providers/command.ts", ["unit/providers/command.test.ts", "provider/command.test.ts"]],
  ["src/bridge/", ["unit/bridge", "provider/opencode.test.ts"]],
  ["src/webhook/", ["unit/webhook/schedule.test.ts", "unit/webhook/worker.test.ts", "unit/webhook/worker-clock.test.ts"]],
  ["src/receiver/", ["unit/receiver/worker.test.ts", "unit/receiver/worker-pauses.test.ts"]],
];
