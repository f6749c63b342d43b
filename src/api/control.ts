/** Ending turns and processes, bringing them back, and waiting for them. Answers come after the fact, not before. */
import type { Actor } from "../agents/actor.ts";
import { INTERRUPT_GRACE_MS } from "../agents/model.ts";
import { isUnpaid } from "../agents/state/limit.ts";
import { json } from "../http/answer.ts";
import { flagText, integerText, listText } from "../http/query.ts";
import { route } from "../http/router.ts";
import { object, optional, string } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import { findTurn } from "../store/turns.ts";
import type { Status } from "../words/agent.ts";
import { assertWithinBudget } from "./budgets.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";
import type { Answer } from "./idempotent.ts";
import { answerLeaving } from "./idempotent.ts";
import * as schemas from "./schemas.ts";
import { until } from "./until.ts";
import { agentView, turnRecordView } from "./views.ts";

const ONE = "/api/v1/projects/:name/agents/:id";
const DEFAULT_UNTIL: readonly Status[] = ["idle", "error", "exited", "waiting_input"];
const STOP_MS = 20_000;
const START_MARGIN_MS = 5000;

export function controlRoutes(deps: ApiDeps) {
  const shown = (actor: Actor, more: Record<string, unknown> = {}) => ({ agent: agentView(actor.agent()), ...more });
  const done = (actor: Actor, more: Record<string, unknown> = {}): Answer => ({
    status: 200,
    body: shown(actor, more),
    agent: actor.id,
  });
  const scope = (what: string, actor: Actor): string => `${what} ${actor.id}`;
  return [
    route({
      method: "POST",
      path: `${ONE}/abort`,
      summary: "End the running turn, keep the conversation",
      body: optional(schemas.abort),
      handler({ params, body, req, bodyBytes, keepOpen, signal }) {
        const actor = actorAt(deps, params);
        keepOpen();
        return answerLeaving(deps, { scope: scope("abort", actor), req, bodyBytes }, async (leave) => {
          await actor.caughtUp();
          const { turn } = actor.state();
          leave();
          actor.facts("api", { type: "abort", keepQueued: body?.keepQueued ?? false });
          if (turn === null) return done(actor, { aborted: false });
          const over = await until(deps, actor, () => actor.state().turn?.id !== turn.id, INTERRUPT_GRACE_MS, signal);
          if (over) return done(actor, { aborted: true });
          throw new HarnessError(
            "ABORT_UNCONFIRMED",
            `the interrupt was sent, but the program did not confirm within ${INTERRUPT_GRACE_MS} ms: wait, or POST …/stop to end its process`,
          );
        });
      },
    }),
    route({
      method: "POST",
      path: `${ONE}/stop`,
      summary: "End the process, keep the conversation",
      handler({ params, req, bodyBytes, keepOpen, signal }) {
        const actor = actorAt(deps, params);
        keepOpen();
        return answerLeaving(deps, { scope: scope("stop", actor), req, bodyBytes }, async (leave) => {
          await actor.caughtUp();
          leave();
          actor.facts("api", { type: "stop" });
          const over = await until(
            deps,
            actor,
            () => actor.live() === null && actor.state().intent === null,
            STOP_MS,
            signal,
          );
          if (over) return done(actor);
          throw new HarnessError(
            "STOP_UNCONFIRMED",
            "the process was told to end, terminated and killed, but is still there: GET …/debug names it",
          );
        });
      },
    }),
    route({
      method: "POST",
      path: `${ONE}/resume`,
      summary: "Bring the process back; a held queue goes on; ?force=1 ends a person's screen first",
      query: object({ force: optional(flagText()) }),
      handler({ params, query, req, bodyBytes, keepOpen, signal }) {
        const actor = actorAt(deps, params);
        assertWithinBudget(actor);
        keepOpen();
        return answerLeaving(deps, { scope: scope("resume", actor), req, bodyBytes }, async (leave) => {
          const leased = deps.attachments.lease(actor.id) !== null;
          if (leased && query.force !== true)
            throw new HarnessError(
              "ATTACHED",
              "a person has the conversation in the program's own screen: close that, or add ?force=1 to end it",
            );
          leave();
          if (leased) await deps.attachments.force(actor);
          if (isUnpaid(actor.state())) (await deps.keeper()).resume(actor);
          else actor.facts("api", { type: "resume" });
          const limit = actor.runSettings().codec.traits.startDeadlineMs + START_MARGIN_MS;
          await until(deps, actor, () => actor.state().status !== "starting", limit, signal);
          return done(actor);
        });
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/wait`,
      summary: "Answer when the agent reaches a status, or its turn is over; or after the timeout (seconds)",
      query: object({
        until: optional(listText(schemas.status)),
        turn: optional(string({ min: 1, max: 64 })),
        timeout: optional(integerText({ max: 3600 })),
      }),
      async handler({ params, query, keepOpen, signal }) {
        const actor = actorAt(deps, params);
        const turnOver = () => {
          if (query.turn === undefined) return false;
          const turn = findTurn(deps.store, actor.id, query.turn);
          if (turn === null) throw new HarnessError("TURN_NOT_FOUND", `the agent has no turn "${query.turn}"`);
          return turn.endedAt !== null;
        };
        const wanted = query.until ?? (query.turn === undefined ? DEFAULT_UNTIL : []);
        const reached = () => turnOver() || wanted.includes(actor.state().status);
        const now = reached(); // a wrong turn is told at once
        keepOpen();
        const ok = now || (await until(deps, actor, reached, (query.timeout ?? 30) * 1000, signal));
        const turn = query.turn === undefined ? null : findTurn(deps.store, actor.id, query.turn);
        return json(shown(actor, { reached: ok, ...(turn === null ? {} : { turn: turnRecordView(turn) }) }));
      },
    }),
  ];
}
