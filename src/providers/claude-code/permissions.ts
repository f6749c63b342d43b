/**
 * Claude Code's questions to a person: `can_use_tool` requests become permission facts, answers become response lines.
 * "Always" is asked for the program's session only and as narrowly as it offers; nothing is written into a settings
 * file.
 */
import { own } from "../../lib/own.ts";
import { titleText } from "../../lib/text.ts";
import { ask, type Draft } from "./state.ts";
import { responseLine } from "./wire.ts";
import { type Fields, fields, isFields, items, maybeIdOf, maybeText, strings } from "../read.ts";
import { patch, say, send, without } from "../draft.ts";
import type { Answer } from "../../words/said.ts";
import { given } from "../../lib/given.ts";

/** An "always" for a larger request than this (a whole file) would never fit another one. */
const MAX_EXACT = 4096;

/** What is kept with the permission's row and comes back with the answer. */
interface Asked {
  readonly input: Fields;
  /** `updatedPermissions` of an "always"; empty = the program offers none. */
  readonly grant: readonly Fields[];
  /** This request and no other; empty = too large to be remembered. */
  readonly exact: string;
}

export function permissionAsked(work: Draft, id: string, request: Fields): void {
  const tool = maybeText(request, "tool_name") ?? "unknown tool";
  const input = fields(request, "input");
  const call = maybeIdOf(request, "tool_use_id") ?? "";
  const kind = tool === "AskUserQuestion" ? "question" : tool === "ExitPlanMode" ? "plan" : "tool";
  const grant = kind === "tool" ? narrowest(items(request, "permission_suggestions")) : [];
  const agent = maybeIdOf(request, "agent_id");
  const plan = work.state.plan?.call === call ? work.state.plan.text : maybeText(input, "plan");
  const exact = kind === "tool" ? exactly(tool, input) : "";
  const title =
    kind === "plan" ? `Plan: ${titleText(plan ?? "")}` : titleOf(tool, input, maybeText(request, "description"));
  if (exact !== "" && work.state.always.includes(exact)) {
    send(work, responseLine(id, { behavior: "allow", updatedInput: input }));
    say(work, { type: "note", level: "info", code: "grant_applied", message: `allowed earlier: ${title}` });
    return;
  }
  const description = maybeText(request, "description");
  const blockedPath = maybeText(request, "blocked_path");
  patch(work, { open: { ...work.state.open, [id]: { call, answered: false } } });
  say(work, {
    type: "permission",
    id,
    kind,
    tool,
    title,
    detail:
      kind === "question"
        ? { questions: input["questions"] ?? [] }
        : kind === "plan"
          ? { plan: plan ?? null }
          : {
              input,
              ...given({ description, blockedPath }),
            },
    options: grant.length > 0 ? ["allow", "allow_always", "deny"] : ["allow", "deny"],
    data: { input, grant, exact } satisfies Asked,
    ...given({ subagent: agent }),
  });
}

/** One line that says what would be done. */
function titleOf(tool: string, input: Fields, description: string | undefined): string {
  const questions = items(input, "questions").flatMap((question) => maybeText(question, "question") ?? []);
  if (questions.length > 0) return titleText(questions.join(" / "));
  const subject = ["command", "file_path", "notebook_path", "path", "url", "query", "pattern"]
    .map((name) => maybeText(input, name))
    .find((value) => value !== undefined);
  return titleText(`${tool}: ${subject ?? description ?? JSON.stringify(input)}`);
}

/**
 * The suggestions are alternatives, from "this command" to "a whole mode". A rule is enough where one is offered;
 * otherwise a folder, otherwise the mode for edits. Never a mode that answers everything.
 */
function narrowest(suggestions: readonly Fields[]): readonly Fields[] {
  const inSession = suggestions.map((suggestion) => ({ ...suggestion, destination: "session" }));
  const rules = inSession.filter((each: Fields) => each["type"] === "addRules" && each["behavior"] === "allow");
  if (rules.length > 0) return rules;
  const folders = inSession.filter((each: Fields) => each["type"] === "addDirectories");
  if (folders.length > 0) return folders;
  return inSession.filter((each: Fields) => each["type"] === "setMode" && each["mode"] === "acceptEdits");
}

function readAsked(data: unknown): Asked {
  if (!isFields(data)) return { input: {}, grant: [], exact: "" };
  return { input: fields(data, "input"), grant: items(data, "grant"), exact: maybeText(data, "exact") ?? "" };
}

/** Without the model's own words about it, which differ from call to call. */
function exactly(tool: string, { description: _, ...input }: Fields): string {
  const exact = `${tool} ${JSON.stringify(input)}`;
  return exact.length > MAX_EXACT ? "" : exact;
}

/** What was allowed for good is not asked again, whatever the program's own rules make of it. */
export function rememberAlways(work: Draft, answers: readonly unknown[]): void {
  const exact = answers.map((data) => readAsked(data).exact).filter((each) => each !== "");
  patch(work, { always: [...new Set([...work.state.always, ...exact])] });
}

/** The line that answers. A late one, for a request already settled, is ignored by the program. */
export function answerLine(answer: Answer): string {
  if (answer.decision === "deny") {
    return responseLine(answer.id, { behavior: "deny", message: answer.message ?? "The user said no." });
  }
  const { input, grant } = readAsked(answer.data);
  if (answer.kind === "question") {
    return responseLine(answer.id, {
      behavior: "allow",
      updatedInput: { ...input, answers: answersOf(input, answer) },
    });
  }
  return responseLine(answer.id, {
    behavior: "allow",
    updatedInput: input,
    ...(answer.decision === "allow_always" && grant.length > 0 ? { updatedPermissions: grant } : {}),
  });
}

/** Question text → label(s). A question may also be named by its header or its number from 1. */
function answersOf(input: Fields, answer: Answer): Record<string, string> {
  const questions = items(input, "questions");
  const given = answer.answers ?? {};
  const result: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    const question = questions.find(
      (each, n) => key === maybeText(each, "question") || key === maybeText(each, "header") || key === String(n + 1),
    );
    const name = (question === undefined ? undefined : maybeText(question, "question")) ?? key;
    result[name] = typeof value === "string" ? value : value.join(", ");
  }
  const only = questions.length === 1 && questions[0] !== undefined ? maybeText(questions[0], "question") : undefined;
  if (only !== undefined && result[only] === undefined && answer.message !== undefined) result[only] = answer.message;
  return result;
}

export function permissionAnswered(work: Draft, id: string): void {
  const open = own(work.state.open, id);
  if (open !== undefined) patch(work, { open: { ...work.state.open, [id]: { ...open, answered: true } } });
}

/** The program no longer waits for these. */
export function closePermissions(
  work: Draft,
  which: (open: { readonly call: string; readonly answered: boolean }, id: string) => boolean,
): void {
  for (const [id, open] of Object.entries(work.state.open)) {
    if (!which(open, id)) continue;
    patch(work, { open: without(work.state.open, id) });
    say(work, { type: "permission_closed", id });
  }
}

/**
 * Gives a new process the grants of the old ones. Its session forgot them; its flag settings, which live as long as the
 * process and are in no file, take them as rules.
 */
export function reapplyGrants(work: Draft, grants: readonly unknown[]): void {
  rememberAlways(work, grants);
  const all = grants.flatMap((data) => readAsked(data).grant);
  const rules = all
    .filter((grant) => grant["type"] === "addRules")
    .flatMap((grant) => items(grant, "rules"))
    .flatMap((rule) => {
      const tool = maybeText(rule, "toolName");
      const content = maybeText(rule, "ruleContent");
      return tool === undefined ? [] : [content === undefined ? tool : `${tool}(${content})`];
    });
  const folders = all
    .filter((grant) => grant["type"] === "addDirectories")
    .flatMap((grant) => strings(grant, "directories"));
  if (rules.length > 0 || folders.length > 0) {
    const permissions = { allow: [...new Set(rules)], additionalDirectories: [...new Set(folders)] };
    ask(work, "grants", { subtype: "apply_flag_settings", settings: { permissions } });
  }
  if (all.some((grant) => grant["type"] === "setMode" && grant["mode"] === "acceptEdits")) {
    ask(work, "grants", { subtype: "set_permission_mode", mode: "acceptEdits" });
  }
}
