/** What OpenCode asks, as a person shall read it, and what the person said, as the bridge shall send it. Pure. */
import type { Asked, BridgeCommand, QuestionItem } from "./lines.ts";
import { readQuestions } from "./lines.ts";
import { isGrantable, readGrant } from "./launch.ts";
import type { ProviderFact } from "../contract.ts";
import { type Fields, isFields, text } from "../read.ts";
import { titleText } from "../../lib/text.ts";
import type { Answer } from "../../words/said.ts";

type PermissionFact = Extract<ProviderFact, { type: "permission" }>;

/** A refusal without words would end the turn; with them the model is told and goes on. */
const REFUSED = "The user refused this.";

export function permissionFact(ask: Asked): PermissionFact {
  return {
    type: "permission",
    id: ask.id,
    kind: "tool",
    tool: ask.permission,
    title: title(ask),
    detail: { permission: ask.permission, patterns: ask.patterns, ...ask.metadata },
    options: isGrantable(ask) ? ["allow", "allow_always", "deny"] : ["allow", "deny"],
    data: { permission: ask.permission, always: ask.always },
    ...(ask.child === null ? {} : { subagent: ask.child }),
  };
}

/** One line: the command, the file, the address; else the patterns, which always tell something. */
function title({ permission, patterns, metadata }: Asked): string {
  const what = [
    text(metadata, "command"),
    text(metadata, "filepath"),
    text(metadata, "url"),
    text(metadata, "query"),
    patterns.join(", "),
  ];
  return titleText(`${permission}: ${what.find((each) => each !== "") ?? ""}`);
}

export function questionFact(id: string, questions: readonly QuestionItem[], child: string | null): PermissionFact {
  const shown = questions.map(({ question, header, options, multiple }) => ({
    question,
    header,
    options,
    multiSelect: multiple,
  }));
  return {
    type: "permission",
    id,
    kind: "question",
    tool: "question",
    title: titleText(questions.map((each) => each.question).join(" ")),
    detail: { questions: shown },
    options: ["allow", "deny"],
    data: { questions },
    ...(child === null ? {} : { subagent: child }),
  };
}

export function answerCommand(answer: Answer): BridgeCommand {
  const message = answer.message === undefined || answer.message === "" ? null : answer.message;
  if (answer.kind === "question") return { cmd: "question", id: answer.id, answers: questionAnswers(answer, message) };
  if (answer.decision === "deny")
    return { cmd: "permission", id: answer.id, reply: "reject", message: message ?? REFUSED };
  const always = answer.decision === "allow_always" && readGrant(answer.data).always.length > 0;
  return { cmd: "permission", id: answer.id, reply: always ? "always" : "once", message: null };
}

/**
 * OpenCode wants the answers in the order of the questions. Its own way to decline would end the turn, so we say it in
 * words.
 */
function questionAnswers({ decision, answers, data }: Answer, message: string | null): readonly (readonly string[])[] {
  const questions = isFields(data) && Array.isArray(data["questions"]) ? readQuestions(data["questions"]) : [];
  if (decision === "deny")
    return questions.map(() => [
      message === null ? "(the user declined to answer)" : `(the user declined to answer: ${message})`,
    ]);
  const given: Fields = answers ?? {};
  const values = Object.values(given);
  return questions.map(({ question, header }, index) => {
    const value =
      given[question] ?? given[header] ?? given[String(index)] ?? (questions.length === 1 ? values[0] : undefined);
    if (Array.isArray(value)) return value.map(String);
    return [typeof value === "string" ? value : (message ?? "(no answer)")];
  });
}
