/** Inputs: stored first, then queued, then handed to the program one at a time. A 202 means a committed row. */
import type { NewAttachment } from "../agents/attachments.ts";
import { storeAttachments } from "../agents/attachments.ts";
import type { Actor } from "../agents/actor.ts";
import type { StepWork } from "../agents/step.ts";
import { json } from "../http/answer.ts";
import { MAX_BODY_BYTES, route } from "../http/router.ts";
import { object, optional } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Provider } from "../providers/index.ts";
import { inputScope } from "../store/idempotency.ts";
import type { Input } from "../store/inputs.ts";
import { attachmentsOf } from "../store/attachments.ts";
import { findInputByNumber, getInput, insertInput, listInputs } from "../store/inputs.ts";
import { isBusy } from "../words/agent.ts";
import { getProject } from "../store/projects.ts";
import { assertWithinBudget } from "./budgets.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";
import type { Answer } from "./idempotent.ts";
import { answerOnce } from "./idempotent.ts";
import * as schemas from "./schemas.ts";
import { inputView, turnView } from "./views.ts";

const ONE = "/api/v1/projects/:name/agents/:id";

export interface NewInput {
  readonly text: string;
  readonly raw: boolean;
  readonly mode: Input["mode"];
  readonly attachments: readonly NewAttachment[];
}

/** Stores an input and lets the reducer take it, inside the step's transaction. */
export function takeInput(
  { store, clock, newUuid }: ApiDeps,
  actor: Actor,
  step: StepWork,
  { text, raw, mode, attachments }: NewInput,
): Input {
  const input = insertInput(store, { agent: actor.id, key: newUuid(), text, raw, mode, origin: "user" }, clock.now());
  storeAttachments(store, actor.agentDir, input.id, attachments);
  step.fact({ type: "input", id: input.id, key: input.key, mode: mode === "interrupt" ? "interrupt" : "queue" });
  return getInput(store, input.id) ?? input;
}

/**
 * 413 for what the program would refuse anyway, before anything is stored. Counted in code points, as the programs
 * count.
 */
export function assertTextFits({ codec }: Pick<Provider, "codec">, text: string, path: string): void {
  const max = codec.traits.maxPromptChars;
  if (max === null || text.length <= max) return;
  let count = 0;
  for (const _ of text) count += 1;
  if (count <= max) return;
  throw new HarnessError(
    "TOO_LARGE",
    `the ${path} has ${count} characters, ${codec.kind} takes at most ${max}: put the rest into a file of the project and name it`,
  );
}

export function inputRoutes(deps: ApiDeps) {
  const { store } = deps;
  return [
    route({
      method: "POST",
      path: `${ONE}/input`,
      summary: "Send the agent something; queued while it is busy",
      body: schemas.newInput,
      bodyBytes: MAX_BODY_BYTES,
      success: { status: 202 },
      async handler({ params, body, req, bodyBytes }) {
        const reader = body.attachments && (await import("./attachment-reader.ts"));
        const actor = actorAt(deps, params);
        // A turn that is over by now must not be taken for one that this input has ended.
        if (body.mode === "interrupt") await actor.caughtUp();
        return answerOnce(deps, { scope: inputScope(actor.id), req, bodyBytes }, (keep) => {
          const { text, mode = "queue", raw = false } = body;
          const { codec } = actor.runSettings();
          assertTextFits({ codec }, text, "text");
          const { cwd: root } = getProject(store, actor.agent().project);
          const attachments = reader?.readAttachments(body.attachments, { codec, root }) ?? [];
          assertWithinBudget(actor);
          const { status } = actor.state();
          if (mode === "reject" && isBusy(status)) {
            throw new HarnessError(
              "AGENT_BUSY",
              `the agent is ${status}: wait, or send with mode "queue" or "interrupt"`,
            );
          }
          return actor.step("api", (step) => {
            const input = takeInput(deps, actor, step, { text, raw, mode, attachments });
            const { turn } = step.state();
            const answer = {
              status: 202,
              input: input.id,
              agent: actor.id,
              body: {
                input: inputView(input, attachmentsOf(store, input.id)),
                ...(turn?.input === input.id ? { turn: turnView(turn) } : {}),
              },
            };
            keep(answer);
            return answer;
          });
        });
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/inputs`,
      summary: "What was sent, and how far each got",
      query: object({ after: optional(schemas.idText), limit: optional(schemas.count(1000)) }),
      handler({ params, query }) {
        const actor = actorAt(deps, params);
        return json({
          inputs: listInputs(store, actor.id, { after: query.after ?? 0, limit: query.limit ?? 200 }).map((input) =>
            inputView(input, attachmentsOf(store, input.id)),
          ),
        });
      },
    }),
    route({
      method: "DELETE",
      path: `${ONE}/inputs/:n`,
      summary: "Take an input back before it is delivered",
      success: { status: 204 },
      handler({ params, req, bodyBytes }) {
        const actor = actorAt(deps, params);
        const input = /^[1-9]\d{0,14}$/.test(params.n) ? findInputByNumber(store, actor.id, Number(params.n)) : null;
        if (input === null)
          throw new HarnessError("INPUT_NOT_FOUND", `the agent has no input ${params.n}: GET …/inputs lists them`);
        const answer: Answer = { status: 204, body: undefined, agent: actor.id };
        return answerOnce(deps, { scope: `drop ${actor.id} ${input.n}`, req, bodyBytes }, (keep) => {
          if (input.state === "cancelled") return answer;
          if (input.state !== "queued") {
            throw new HarnessError(
              "INPUT_DELIVERED",
              `input ${input.n} is ${input.state}: only queued ones can be taken back; abort ends the turn`,
            );
          }
          actor.step("api", (step) => {
            step.fact({ type: "drop_input", id: input.id });
            keep(answer);
          });
          return answer;
        });
      },
    }),
    route({
      method: "POST",
      path: `${ONE}/inputs/release`,
      summary: "Let a held queue go on",
      handler({ params, req, bodyBytes }) {
        const actor = actorAt(deps, params);
        return answerOnce(deps, { scope: `release ${actor.id}`, req, bodyBytes }, (keep) => {
          assertWithinBudget(actor);
          return actor.step("api", (step) => {
            step.fact({ type: "release" });
            const { held, queue } = step.state();
            const answer: Answer = { status: 200, body: { held, queuedInputs: queue.length }, agent: actor.id };
            keep(answer);
            return answer;
          });
        });
      },
    }),
  ];
}
