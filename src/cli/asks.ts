/** What agents wait for. */
import { isObject } from "../lib/check.ts";
import { excerpt } from "../lib/text.ts";
import type { Client } from "./client.ts";
import type { AgentShape, PermissionShape } from "./shapes.ts";
import { get, member, pathOf } from "./shapes.ts";

/** A request with the agent that made it. */
export interface Asked extends PermissionShape {
  readonly project: string;
  readonly agent: string;
  readonly name: string | null;
}

/** Of all agents, oldest first. */
export async function askedOfAll(client: Client, state: "pending" | null): Promise<readonly Asked[]> {
  const found: Asked[] = [];
  let after = "";
  do {
    const query = new URLSearchParams({
      limit: "1000",
      ...(state === null ? {} : { state }),
      ...(after === "" ? {} : { after }),
    });
    const answer = await client.call(`/api/v1/permissions?${query}`);
    // Here each says whose it is.
    found.push(...(member(answer, "permissions") as readonly Asked[]));
    after = isObject(answer) && typeof answer["next"] === "string" ? answer["next"] : "";
  } while (after !== "");
  return found;
}

/** Of one agent, oldest first. */
export async function askedOf(client: Client, agent: AgentShape, state: "pending" | null): Promise<readonly Asked[]> {
  const query = state === null ? "" : `?state=${state}`;
  const permissions = await get(client, `${pathOf(agent)}/permissions${query}`, "permissions");
  return permissions.map((each) => ({ ...each, project: agent.project, agent: agent.id, name: agent.name }));
}

export const askerOf = ({ project, name, agent }: Asked): string => `${project}/${name ?? agent}`;

/** The whole request as lines of text: what a careful reader must have seen. */
export function requestText({ kind, detail, title }: PermissionShape): string {
  if (kind === "question") return questionText(detail) ?? title;
  if (typeof detail === "string") return detail;
  if (!isObject(detail)) return detail === null || detail === undefined ? title : JSON.stringify(detail, null, 2);
  const { command, description, ...rest } = unwrapped(detail);
  const parts = [
    ...(typeof command === "string" ? [command] : Array.isArray(command) ? [command.map(String).join(" ")] : []),
    ...Object.entries(rest).map(([key, value]) => fact(key, value)),
    ...(command === undefined && typeof description === "string" ? [description] : []),
  ];
  return parts.length === 0 ? title : parts.join("\n");
}

/** Longer than this it is the request itself, which is shown whole. */
const REASON_MAX = 200;

/** What it says of itself, apart from the request. */
export function reasonText({ detail, title }: PermissionShape): string {
  const { command, description } = isObject(detail) ? unwrapped(detail) : {};
  return excerpt(typeof description === "string" && command !== undefined ? description : title, REASON_MAX);
}

/** Some programs wrap the tool's arguments. */
function unwrapped(detail: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { input, ...rest } = detail;
  return isObject(input) ? { ...input, ...rest } : detail;
}

function fact(key: string, value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return text.includes("\n") ? `${key}:\n${text}` : `${key}: ${text}`;
}

export interface Question {
  readonly question: string;
  readonly options: readonly string[];
}

/** The questions of a request, as every provider puts them: `{questions:[{question, options:[{label}|label]}]}`. */
export function questionsOf(detail: unknown): readonly Question[] {
  const list = isObject(detail) && Array.isArray(detail["questions"]) ? detail["questions"] : [];
  return list.filter(isObject).map((each) => ({
    question: String(each["question"] ?? each["title"] ?? each["id"] ?? ""),
    options: (Array.isArray(each["options"]) ? each["options"] : []).map((option: unknown) =>
      isObject(option) ? String(option["label"] ?? option["value"] ?? "") : String(option),
    ),
  }));
}

function questionText(detail: unknown): string | null {
  const questions = questionsOf(detail);
  if (questions.length === 0) return null;
  return questions
    .map(({ question, options }) => [question, ...options.map((option) => `  - ${option}`)].join("\n"))
    .join("\n");
}
