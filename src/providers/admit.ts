/**
 * What an agent program says, cut to size where it enters: everything that codecs tell comes through here, so that no
 * name, reason or title of a megabyte can reach a row, a webhook or a list. Texts are cut; an id is taken whole or not
 * at all, because a cut one would answer nothing. What was said in a message stays whole: a line bounds it.
 */
import { excerpt } from "../lib/text.ts";
import type { TurnError } from "../words/agent.ts";
import type { LimitFound } from "../words/limits.ts";
import type { Part } from "../words/said.ts";
import type { ProviderFact } from "./contract.ts";
import { FrameRefused, ID_BYTES, NAME_CHARS, REASON_CHARS, TITLE_CHARS } from "./read.ts";

/** Allowances of one account. */
const MAX_WINDOWS = 20;

const name = (text: string): string => excerpt(text, NAME_CHARS);
const reason = (text: string): string => excerpt(text, REASON_CHARS);

function ref(what: string, id: string): string {
  if (id.length > ID_BYTES || Buffer.byteLength(id) > ID_BYTES) throw new FrameRefused(what, Buffer.byteLength(id));
  return id;
}

function error({ code, message }: TurnError): TurnError {
  return { code: name(code), message: reason(message) };
}

function limit(found: LimitFound): LimitFound {
  return { class: found.class, scope: name(found.scope), resetsAt: found.resetsAt, message: reason(found.message) };
}

function part(said: Part): Part {
  switch (said.type) {
    case "text":
    case "thinking":
      return said;
    case "tool_use":
      return { ...said, id: ref("id of a tool call", said.id), name: name(said.name) };
    case "tool_result":
      return { ...said, id: ref("id of a tool call", said.id) };
  }
}

/** Throws `FrameRefused` for an id that no row shall hold. */
export function admitted(fact: ProviderFact): ProviderFact {
  switch (fact.type) {
    case "ready":
      return fact.version === undefined ? fact : { ...fact, version: name(fact.version) };
    case "login":
      return { ...fact, detail: reason(fact.detail) };
    case "start_failed":
      return { ...fact, ...error(fact) };
    case "session":
      return { ...fact, id: ref("id of the conversation", fact.id) };
    case "input_accepted":
    case "input_absent":
      return { ...fact, key: ref("key of an input", fact.key) };
    case "input_unknown":
      return { ...fact, key: ref("key of an input", fact.key), message: reason(fact.message) };
    case "turn_ended":
      return {
        ...fact,
        ...(fact.error === undefined ? {} : { error: error(fact.error) }),
        ...(fact.limit === undefined ? {} : { limit: limit(fact.limit) }),
      };
    case "limited":
      return { ...fact, ...limit(fact) };
    case "allowance":
      return {
        ...fact,
        windows: fact.windows.slice(0, MAX_WINDOWS).map((each) => ({ ...each, scope: name(each.scope) })),
      };
    case "part":
      return { ...fact, key: ref("id of a message", fact.key), part: part(fact.part), ...subagent(fact) };
    case "message_done":
    case "delta":
      return { ...fact, key: ref("id of a message", fact.key) };
    case "permission":
      return {
        ...fact,
        id: ref("id of a question", fact.id),
        tool: name(fact.tool),
        title: excerpt(fact.title, TITLE_CHARS),
        ...subagent(fact),
      };
    case "permission_closed":
      return { ...fact, id: ref("id of a question", fact.id) };
    case "retrying":
      return { ...fact, reason: reason(fact.reason) };
    case "note":
      return { ...fact, code: name(fact.code), message: reason(fact.message) };
    case "foreign_output":
      return { ...fact, line: excerpt(fact.line, TITLE_CHARS) };
    case "unknown_frame":
      return { ...fact, kind: name(fact.kind) };
    case "turn_started":
    case "retry_over":
    case "background":
    case "usage":
      return fact;
  }
}

function subagent({ subagent: id }: { readonly subagent?: string }): { readonly subagent?: string } {
  return id === undefined ? {} : { subagent: ref("id of a sub-agent", id) };
}
