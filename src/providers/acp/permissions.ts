/**
 * An agent's permission requests: what a person is asked, which of the agent's options an answer picks, when it is
 * over. Options are chosen by `kind` (ACP v1 `PermissionOptionKind`) and sent by `optionId`: the ids are each agent's
 * own.
 */
import type { RpcId } from "../../lib/jsonrpc.ts";
import type { ProviderFact, Step } from "../contract.ts";
import { type AcpState, type Ask, lines, step } from "./state.ts";
import { type Fields, fields, items, maybeIdOf, maybeText } from "../read.ts";
import type { Answer } from "../../words/said.ts";

interface Option {
  readonly optionId: string;
  readonly kind: string;
  readonly name: string;
}

type Decision = Answer["decision"];

/**
 * The agent asks. Whether a person answers, or `permissions` "allow" or "deny" at once, is not for the codec to know.
 */
export function asked(state: AcpState, rpc: RpcId, params: unknown): Step<AcpState> {
  const options = readOptions(items(params, "options"));
  const call = fields(params, "toolCall");
  const title = maybeText(call, "title") ?? maybeText(call, "kind") ?? "a tool";
  // A turn that is being cancelled must not wait: an agent whose question stays open may never take another prompt.
  if (state.prompt?.cancelling === true) return step(state, [], [reply(rpc, null)]);
  const toolCallId = maybeIdOf(call, "toolCallId") ?? "";
  const session = maybeIdOf(params, "sessionId");
  // Counted, because a sloppy agent may use a request id twice in one run.
  const id = `${state.asked + 1}:${rpc}`;
  const asks = { ...state.asks, [id]: { rpc, toolCallId, answered: false } };
  return step({ ...state, asked: state.asked + 1, asks }, [
    {
      type: "permission",
      id,
      kind: "tool",
      tool:
        maybeText(call, "name") ??
        state.tools[toolCallId]?.name ??
        maybeText(call, "kind") ??
        state.tools[toolCallId]?.kind ??
        "tool",
      title,
      detail: detailOf(call),
      options: [...offered(options, "allow"), ...offered(options, "allow_always"), "deny"],
      data: { rpc, options },
      ...(session === undefined || session === state.session ? {} : { subagent: session }),
    },
  ]);
}

/** The same answer may go out twice (after a restart of ours): JSON-RPC agents drop an answer they do not wait for. */
export function answered(state: AcpState, answer: Answer): Step<AcpState> {
  const ask = state.asks[answer.id];
  if (ask === undefined) return step(state);
  const options = readOptions(items(answer.data, "options"));
  // With permissions "allow" everything is allowed anyway, so a grant for the session says no more than that.
  const wider =
    answer.decision === "allow" && state.setup.permissions === "allow" ? choose(options, "allow_always") : null;
  const optionId = choose(options, answer.decision) ?? wider;
  const notes: ProviderFact[] =
    optionId === null && answer.decision !== "deny"
      ? [
          {
            type: "note",
            level: "warn",
            code: "allow_not_offered",
            message: "the agent offered no way to allow this, so it was refused",
          },
        ]
      : [];
  return step({ ...state, asks: { ...state.asks, [answer.id]: { ...ask, answered: true } } }, notes, [
    reply(ask.rpc, optionId),
  ]);
}

/** Answers every open question `cancelled`, as ACP demands of a client that cancels the turn. */
export function cancelAsks(state: AcpState): {
  readonly facts: readonly ProviderFact[];
  readonly lines: readonly string[];
  readonly state: AcpState;
} {
  return { ...closeAsks(state, () => true), lines: Object.values(state.asks).map(({ rpc }) => reply(rpc, null)) };
}

/** ACP has no word for "I have your answer": that its tool moves on, or that the agent talks on, is the proof. */
export function answerSeen(
  state: AcpState,
  toolCallId: string | null,
): { readonly state: AcpState; readonly facts: readonly ProviderFact[] } {
  return closeAsks(state, (ask) => ask.answered && (toolCallId === null || ask.toolCallId === toolCallId));
}

/** The agent takes its request back (`$/cancel_request`); it still wants an answer. */
export function askWithdrawn(state: AcpState, rpc: RpcId): Step<AcpState> {
  const closed = closeAsks(state, (ask) => ask.rpc === rpc);
  return step(closed.state, closed.facts, closed.facts.length === 0 ? [] : [reply(rpc, null)]);
}

export function closeAsks(
  state: AcpState,
  over: (ask: Ask) => boolean,
): { readonly state: AcpState; readonly facts: readonly ProviderFact[] } {
  const closed = Object.entries(state.asks).filter(([, ask]) => over(ask));
  if (closed.length === 0) return { state, facts: [] };
  const open = Object.entries(state.asks).filter(([, ask]) => !over(ask));
  return {
    state: { ...state, asks: Object.fromEntries(open) },
    facts: closed.map(([id]) => ({ type: "permission_closed", id })),
  };
}

function reply(rpc: RpcId, optionId: string | null): string {
  return lines.result(rpc, {
    outcome: optionId === null ? { outcome: "cancelled" } : { outcome: "selected", optionId },
  });
}

/** The option to send, or null where only `cancelled` is left. */
function choose(options: readonly Option[], decision: Decision): string | null {
  const of = (kind: string) => options.filter((option) => option.kind === kind);
  switch (decision) {
    case "allow":
      return of("allow_once")[0]?.optionId ?? null;
    case "allow_always":
      return grantOf(of("allow_always"))?.optionId ?? null;
    case "deny":
      return (of("reject_once")[0] ?? of("reject_always")[0])?.optionId ?? null;
  }
}

/**
 * A grant holds for the agent's life and for what was asked: never one that the agent would save, rather not a whole
 * server's.
 */
function grantOf(options: readonly Option[]): Option | undefined {
  const unsaved = options.filter(({ name, optionId }) => !/save|future|permanent/i.test(`${name} ${optionId}`));
  return unsaved.find(({ name, optionId }) => !/server|\ball\b/i.test(`${name} ${optionId}`)) ?? unsaved[0];
}

function offered(
  options: readonly Option[],
  decision: "allow" | "allow_always",
): readonly ("allow" | "allow_always")[] {
  return choose(options, decision) === null ? [] : [decision];
}

function readOptions(list: readonly Fields[]): readonly Option[] {
  return list.flatMap((option) => {
    const optionId = maybeIdOf(option, "optionId");
    return optionId === undefined
      ? []
      : [{ optionId, kind: maybeText(option, "kind") ?? "", name: maybeText(option, "name") ?? "" }];
  });
}

function detailOf(call: Fields): Fields {
  const shown = ["title", "name", "kind", "rawInput", "content", "locations"].filter(
    (key) => call[key] !== undefined && call[key] !== null,
  );
  return Object.fromEntries(shown.map((key) => [key, call[key]]));
}
