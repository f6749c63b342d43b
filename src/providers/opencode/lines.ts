/**
 * The lines between the codec and the bridge, one JSON object each. An old bridge may talk to a newer daemon (agents
 * outlive upgrades), so both sides check what they read, ignore members they do not know, and never rename one.
 */
import { type Fields, fields, isFields, items, list, maybeNumber, maybeText, number, strings, text } from "../read.ts";
import type { TurnError, TurnOutcome } from "../../words/agent.ts";
import type { LimitClass } from "../../words/limits.ts";
import type { MessageRole, Part, Usage } from "../../words/said.ts";
import { given } from "../../lib/given.ts";

export type AccountTrouble = Exclude<LimitClass, "limit">;

/** OpenCode's permission rules: `{"bash":{"*":"ask","git status *":"allow"},"edit":"ask"}`; the last match wins. */
export type PermissionRules = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

export interface StartCommand {
  readonly cmd: "start";
  /** The conversation to go on with. */
  readonly session: string | null;
  readonly title: string;
  readonly directory: string;
  /** `provider/model`; null = OpenCode's own choice. */
  readonly model: string | null;
  readonly system: string | null;
  /** For the server's environment: rules of a session would not hold in its sub-agents. */
  readonly permission: PermissionRules;
}

/** A file of ours that goes with a prompt. */
export interface PromptFile {
  readonly mime: string;
  readonly filename: string;
  readonly url: string;
}

/** From the codec to the bridge. Every one may come twice. */
export type BridgeCommand =
  | StartCommand
  | {
      readonly cmd: "prompt";
      readonly key: string;
      readonly text: string;
      readonly writtenAtMs: number;
      readonly files: readonly PromptFile[];
    }
  | { readonly cmd: "interrupt" }
  | {
      readonly cmd: "permission";
      readonly id: string;
      readonly reply: "once" | "always" | "reject";
      readonly message: string | null;
    }
  /** Chosen labels or free text, question by question. */
  | { readonly cmd: "question"; readonly id: string; readonly answers: readonly (readonly string[])[] }
  | { readonly cmd: "end" };

export interface Asked {
  readonly id: string;
  readonly permission: string;
  readonly patterns: readonly string[];
  readonly metadata: Fields;
  /** What "always" would allow from now on. */
  readonly always: readonly string[];
  /** The sub-agent's session. */
  readonly child: string | null;
}

export interface QuestionItem {
  readonly question: string;
  readonly header: string;
  readonly options: readonly { readonly label: string; readonly description: string }[];
  readonly multiple: boolean;
}

/** From the bridge to the codec. */
export type BridgeLine =
  | { readonly t: "ready"; readonly version: string; readonly session: string }
  | { readonly t: "start_failed"; readonly code: string; readonly message: string }
  | { readonly t: "accepted"; readonly key: string }
  | { readonly t: "busy" }
  | {
      readonly t: "turn";
      readonly outcome: TurnOutcome;
      readonly error: TurnError | null;
      /** The account cannot work on, and only a person can mend that. */
      readonly account?: AccountTrouble;
    }
  | {
      readonly t: "part";
      readonly message: string;
      readonly role: MessageRole;
      readonly part: Part;
      readonly child: string | null;
    }
  | { readonly t: "message"; readonly message: string }
  | { readonly t: "delta"; readonly message: string; readonly text: string }
  | { readonly t: "asked"; readonly ask: Asked }
  | {
      readonly t: "question";
      readonly id: string;
      readonly questions: readonly QuestionItem[];
      readonly child: string | null;
    }
  | { readonly t: "closed"; readonly id: string }
  | {
      readonly t: "retry";
      readonly attempt: number;
      readonly reason: string;
      /** Epoch ms of the next try. */
      readonly next?: number;
      /** Ms until then, when it was told. Absent: told by an older bridge. */
      readonly inMs?: number;
      /** OpenCode's word for what a person could do about it; there at a limit alone. */
      readonly action?: string;
    }
  | { readonly t: "retry_over" }
  | { readonly t: "background"; readonly tasks: number }
  | { readonly t: "usage"; readonly usage: Usage; readonly open?: Usage }
  | {
      readonly t: "note";
      readonly level: "info" | "warn";
      readonly code: string;
      readonly message: string;
    }
  | { readonly t: "unknown"; readonly kind: string };

/** Null for what is no line of the bridge. */
export function readBridgeLine(json: unknown): BridgeLine | null {
  if (!isFields(json)) return null;
  const t = text(json, "t");
  switch (t) {
    case "ready":
      return { t, version: text(json, "version"), session: text(json, "session") };
    case "start_failed":
      return { t, code: text(json, "code"), message: text(json, "message") };
    case "accepted":
      return { t, key: text(json, "key") };
    case "busy":
    case "retry_over":
      return { t };
    case "turn": {
      const error = json["error"];
      return {
        t,
        outcome: readOutcome(text(json, "outcome")),
        error: isFields(error) ? { code: text(error, "code"), message: text(error, "message") } : null,
        ...readTrouble(text(json, "account")),
      };
    }
    case "part": {
      const part = readPart(fields(json, "part"));
      if (part === null) return { t: "unknown", kind: `part ${text(fields(json, "part"), "type")}` };
      return {
        t,
        message: text(json, "message"),
        role: readRole(text(json, "role")),
        part,
        child: maybeText(json, "child") ?? null,
      };
    }
    case "message":
      return { t, message: text(json, "message") };
    case "delta":
      return { t, message: text(json, "message"), text: text(json, "text") };
    case "asked":
      return { t, ask: readAsked(fields(json, "ask")) };
    case "question":
      return {
        t,
        id: text(json, "id"),
        questions: readQuestions(list(json, "questions")),
        child: maybeText(json, "child") ?? null,
      };
    case "closed":
      return { t, id: text(json, "id") };
    case "retry": {
      const [next, inMs] = [maybeNumber(json, "next"), maybeNumber(json, "inMs")];
      const action = maybeText(json, "action");
      return {
        t,
        attempt: number(json, "attempt"),
        reason: text(json, "reason"),
        ...given({ next, inMs, action }),
      };
    }
    case "background":
      return { t, tasks: number(json, "tasks") };
    case "usage":
      return {
        t,
        usage: readUsage(fields(json, "usage")),
        ...(json["open"] === undefined ? {} : { open: readUsage(fields(json, "open")) }),
      };
    case "note":
      return {
        t,
        level: text(json, "level") === "info" ? "info" : "warn",
        code: text(json, "code"),
        message: text(json, "message"),
      };
    case "unknown":
      return { t, kind: text(json, "kind") };
    default:
      return t === "" ? null : { t: "unknown", kind: t };
  }
}

/** Null for what is no command: a torn line, or one of a newer daemon. */
export function readBridgeCommand(json: unknown): BridgeCommand | null {
  if (!isFields(json)) return null;
  const cmd = text(json, "cmd");
  switch (cmd) {
    case "start":
      return {
        cmd,
        session: maybeText(json, "session") ?? null,
        title: text(json, "title"),
        directory: text(json, "directory"),
        model: maybeText(json, "model") ?? null,
        system: maybeText(json, "system") ?? null,
        permission: readRules(json["permission"]),
      };
    case "prompt":
      return {
        cmd,
        key: text(json, "key"),
        text: text(json, "text"),
        writtenAtMs: number(json, "writtenAtMs"),
        files: items(json, "files").map((each) => ({
          mime: text(each, "mime"),
          filename: text(each, "filename"),
          url: text(each, "url"),
        })),
      };
    case "interrupt":
    case "end":
      return { cmd };
    case "permission": {
      const reply = text(json, "reply");
      if (reply !== "once" && reply !== "always" && reply !== "reject") return null;
      return { cmd, id: text(json, "id"), reply, message: maybeText(json, "message") ?? null };
    }
    case "question":
      return {
        cmd,
        id: text(json, "id"),
        answers: list(json, "answers").map((each) => (Array.isArray(each) ? each.map(String) : [String(each)])),
      };
    default:
      return null;
  }
}

export function readRules(value: unknown): PermissionRules {
  const rules: Record<string, string | Record<string, string>> = {};
  if (!isFields(value)) return rules;
  for (const [permission, rule] of Object.entries(value)) {
    if (typeof rule === "string") rules[permission] = rule;
    else if (isFields(rule))
      rules[permission] = Object.fromEntries(
        Object.entries(rule).map(([pattern, action]) => [pattern, String(action)]),
      );
  }
  return rules;
}

/** The shape is the same on OpenCode's wire and on ours. */
export function readAsked(json: Fields): Asked {
  return {
    id: text(json, "id"),
    permission: text(json, "permission"),
    patterns: strings(json, "patterns"),
    metadata: fields(json, "metadata"),
    always: strings(json, "always"),
    child: maybeText(json, "child") ?? null,
  };
}

export function readQuestions(items: readonly unknown[]): readonly QuestionItem[] {
  return items.filter(isFields).map((item) => ({
    question: text(item, "question"),
    header: text(item, "header"),
    options: list(item, "options")
      .filter(isFields)
      .map((option) => ({ label: text(option, "label"), description: text(option, "description") })),
    multiple: item["multiple"] === true,
  }));
}

function readTrouble(account: string): { readonly account?: AccountTrouble } {
  return account === "billing" || account === "auth" ? { account } : {};
}

function readOutcome(outcome: string): TurnOutcome {
  return outcome === "completed" || outcome === "interrupted" || outcome === "lost" ? outcome : "failed";
}

function readRole(role: string): MessageRole {
  return role === "user" || role === "tool" || role === "system" ? role : "assistant";
}

function readPart(part: Fields): Part | null {
  const type = text(part, "type");
  switch (type) {
    case "text":
    case "thinking":
      return { type, text: text(part, "text") };
    case "tool_use":
      return { type, id: text(part, "id"), name: text(part, "name"), input: part["input"] };
    case "tool_result":
      return { type, id: text(part, "id"), text: text(part, "text"), isError: part["isError"] === true };
    default:
      return null;
  }
}

function readUsage(json: Fields): Usage {
  const usage: { -readonly [K in keyof Usage]: Usage[K] } = {};
  for (const key of ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "costUsd"] as const) {
    if (typeof json[key] === "number") usage[key] = number(json, key);
  }
  return usage;
}
