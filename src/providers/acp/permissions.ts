/**
 * An agent's permission requests: what a person is asked, which of the agent's options an answer picks, when it is
 * over. Options are chosen by `kind` (ACP v1 `PermissionOptionKind`) and sent by `optionId`: the ids are each agent's
 * own.
 */
import { own } from "../../lib/own.ts";
import type { RpcId } from "../../lib/jsonrpc.ts";
import type { Answer } from "../../words/said.ts";
import { note, patch, say, send } from "../draft.ts";
import { type Fields, fields, items, maybeIdOf, maybeText, text } from "../read.ts";
import { type Ask, type Draft, lines } from "./state.ts";
import { contentOf, toolAsked } from "./tools.ts";

interface Option {
  readonly optionId: string;
  readonly kind: string;
  readonly name: string;
}

type Decision = Answer["decision"];

/**
 * The agent asks. Whether a person answers, or `permissions` "allow" or "deny" at once, is not for the codec to know.
 */
export function asked(draft: Draft, rpc: RpcId, params: unknown): void {
  // A turn that is being cancelled must not wait: an agent whose question stays open may never take another prompt.
  if (draft.state.prompt?.cancelling === true) return send(draft, reply(rpc, null));
  const options = readOptions(items(params, "options"));
  const call = fields(params, "toolCall");
  toolAsked(draft, call);
  const toolCallId = maybeIdOf(call, "toolCallId") ?? "";
  const session = maybeIdOf(params, "sessionId");
  const count = draft.state.asked + 1;
  // Counted, because a sloppy agent may use a request id twice in one run.
  const id = `${count}:${rpc}`;
  const known = own(draft.state.tools, toolCallId);
  patch(draft, { asked: count, asks: { ...draft.state.asks, [id]: { rpc, toolCallId, answered: false } } });
  say(draft, {
    type: "permission",
    id,
    kind: "tool",
    tool: maybeText(call, "name") ?? known?.name ?? maybeText(call, "kind") ?? known?.kind ?? "tool",
    title: titleOf(call, known?.input ?? null),
    detail: detailOf(call, known?.input ?? null),
    options: [...offered(options, "allow"), ...offered(options, "allow_always"), "deny"],
    data: { rpc, options },
    ...(session === undefined || session === draft.state.session ? {} : { subagent: session }),
  });
}

/** The same answer may go out twice (after a restart of ours): JSON-RPC agents drop an answer they do not wait for. */
export function answered(draft: Draft, answer: Answer): void {
  const ask = own(draft.state.asks, answer.id);
  if (ask === undefined) return;
  const options = readOptions(items(answer.data, "options"));
  const optionId = optionFor(draft, options, answer.decision);
  patch(draft, { asks: { ...draft.state.asks, [answer.id]: { ...ask, answered: true } } });
  send(draft, reply(ask.rpc, optionId));
}

function optionFor(draft: Draft, options: readonly Option[], decision: Decision): string | null {
  const chosen = choose(options, decision);
  if (chosen !== null || decision === "deny") return chosen;
  if (decision === "allow_always") {
    const message = "the agent offers no grant that ends with its process, so this was allowed once";
    note(draft, "info", "grant_not_offered", message);
    return optionFor(draft, options, "allow");
  }
  // With permissions "allow" everything is allowed anyway, so a grant for the session says no more than that.
  const wider = draft.state.setup.permissions === "allow" ? choose(options, "allow_always") : null;
  if (wider === null)
    note(draft, "warn", "allow_not_offered", "the agent offered no way to allow this, so it was refused");
  return wider;
}

/** Answers every open question `cancelled`, as ACP demands of a client that cancels the turn. */
export function cancelAsks(draft: Draft): void {
  send(draft, ...Object.values(draft.state.asks).map(({ rpc }) => reply(rpc, null)));
  closeAsks(draft, () => true);
}

/** ACP has no word for "I have your answer": that its tool moves on, or that the agent talks on, is the proof. */
export function answerSeen(draft: Draft, toolCallId: string | null): void {
  closeAsks(draft, (ask) => ask.answered && (toolCallId === null || ask.toolCallId === toolCallId));
}

/** The agent takes its request back (`$/cancel_request`); it still wants an answer. */
export function askWithdrawn(draft: Draft, rpc: RpcId): void {
  if (closeAsks(draft, (ask) => ask.rpc === rpc)) send(draft, reply(rpc, null));
}

export function closeAsks(draft: Draft, over: (ask: Ask) => boolean): boolean {
  const closed = Object.entries(draft.state.asks).filter(([, ask]) => over(ask));
  if (closed.length === 0) return false;
  const open = Object.entries(draft.state.asks).filter(([, ask]) => !over(ask));
  patch(draft, { asks: Object.fromEntries(open) });
  say(draft, ...closed.map(([id]) => ({ type: "permission_closed", id }) as const));
  return true;
}

function reply(rpc: RpcId, optionId: string | null): string {
  return lines.result(rpc, {
    outcome: optionId === null ? { outcome: "cancelled" } : { outcome: "selected", optionId },
  });
}

/** The command, or what else the agent shows of the call, belongs to what a person reads first. */
function titleOf(call: Fields, input: unknown): string {
  const title = maybeText(call, "title") ?? maybeText(call, "kind") ?? "a tool";
  const shown = [
    text(input, "command"),
    text(input, "file_path"),
    text(input, "path"),
    text(input, "url"),
    contentOf(call),
  ];
  const more = shown.find((each) => each !== "") ?? "";
  const line = (words: string): string => words.replace(/\s+/g, " ").trim();
  return more === "" || line(title).includes(line(more)) ? line(title) : line(`${title}: ${more}`);
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

/** Words of a grant that is written into somebody's settings, or reaches further than this conversation. */
const OUTLIVES =
  /project|workspace|global|permanent|future|folder|director|settings|(?<![a-z])(sav|repo|users?(?![a-z]))|everywhere/i;

/**
 * "Yes, and don't ask again for npm run * commands": claude-agent-acp 0.101.0 writes that into the project's settings,
 * codex-acp 2.6.0 into the user's rules. Both say so where a grant ends with the session.
 */
const SAVED = /don['’]t ask again/i;
const ENDS = /session|conversation/i;

function outlives({ name, optionId }: Option): boolean {
  const words = `${name} ${optionId}`;
  return OUTLIVES.test(words) || (SAVED.test(words) && !ENDS.test(words));
}

/**
 * A grant holds for the agent's life and for what was asked: never one that the agent would save, rather not a whole
 * server's.
 */
function grantOf(options: readonly Option[]): Option | undefined {
  const narrow = options.filter((option) => !outlives(option));
  return narrow.find(({ name, optionId }) => !/server|\ball\b/i.test(`${name} ${optionId}`)) ?? narrow[0];
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

/** Whole: what a person approves by is never cut. The input may have been told before the question. */
function detailOf(call: Fields, input: unknown): Fields {
  const shown = ["title", "name", "kind", "rawInput", "content", "locations"].filter(
    (key) => call[key] !== undefined && call[key] !== null,
  );
  const told = input === null ? {} : { rawInput: input };
  return { ...told, ...Object.fromEntries(shown.map((key) => [key, call[key]])) };
}
