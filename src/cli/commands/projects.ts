/** `projects`: a name, a folder, and what its agents inherit. */
import { resolve } from "node:path";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { asJson, printJson } from "../print.ts";
import type { ProjectShape } from "../shapes.ts";
import { member } from "../shapes.ts";
import type { Setting } from "../settings.ts";
import { BUDGET_SETTINGS, patchOf } from "../settings.ts";
import { printFacts, printTable } from "../table.ts";
import { commandText, isVerify } from "../verify.ts";

export const PROJECT_SETTINGS: readonly Setting[] = [
  { key: "trusted", path: ["trusted"], truth: true },
  { key: "cwd", path: ["cwd"] },
  { key: "webhook.url", path: ["webhook", "url"] },
  { key: "provider", path: ["defaults", "provider"] },
  { key: "model", path: ["defaults", "model"] },
  { key: "permissions", path: ["defaults", "permissions"] },
  { key: "system", path: ["defaults", "systemPrompt"] },
  { key: "verify", path: ["defaults", "verify"], within: "command" },
  { key: "budgetPerDay.usd", path: ["budgetPerDay", "costUsd"], number: "usd" },
  { key: "budgetPerDay.tokens", path: ["budgetPerDay", "tokens"], number: "count" },
  ...BUDGET_SETTINGS.map(({ path, ...each }) => ({ ...each, path: ["defaults", ...path] })),
];

const REMOVE_MS = 60_000;
const at = (name: string): string => `/api/v1/projects/${encodeURIComponent(name)}`;

export async function run(context: Context): Promise<number> {
  const answer = await context.client().call("/api/v1/projects");
  if (asJson(context, answer)) return EXIT.ok;
  printTable(
    context.io.out,
    [
      { head: "PROJECT", whole: true },
      { head: "TRUSTED", dropAt: 1 },
      { head: "PROVIDER", dropAt: 2 },
      { head: "FOLDER", shrinkTo: 16 },
    ],
    member(answer, "projects").map(({ name, cwd, trusted, defaults }) => [
      name,
      trusted ? "trusted" : "no",
      defaults["provider"] ?? "-",
      cwd,
    ]),
    "no projects",
  );
  return EXIT.ok;
}

export async function add(context: Context): Promise<number> {
  const { args, io } = context;
  const [name = "", folder = "."] = args.words;
  const defaults = Object.fromEntries(
    ["provider", "model", "permissions"].flatMap((key) =>
      args.value(key) === undefined ? [] : [[key, args.value(key)]],
    ),
  );
  const answer = await context.client().call("/api/v1/projects", {
    method: "POST",
    body: {
      name,
      cwd: resolve(folder),
      ...(args.has("trusted") ? { trusted: true } : args.off("trusted") ? { trusted: false } : {}),
      ...(Object.keys(defaults).length === 0 ? {} : { defaults }),
    },
  });
  const project = member(answer, "project");
  if (!asJson(context, answer)) io.say(`made project ${project.name} for ${project.cwd}${trustWords(project)}`);
  return EXIT.ok;
}

/** What an untrusted folder costs, and how to trust it. */
export const trustWords = ({ name, trusted }: ProjectShape): string =>
  trusted
    ? ""
    : ` (untrusted: its own settings and hooks are not loaded; agent-harness projects set ${name} trusted=true)`;

export async function show(context: Context): Promise<number> {
  const answer = await context.client().call(at(context.args.words[0] ?? ""));
  if (asJson(context, answer)) return EXIT.ok;
  const { name, cwd, trusted, webhook, defaults, budgetPerDay, createdAt } = member(answer, "project");
  printFacts(context.io.out, [
    ["project", name],
    ["folder", cwd],
    ["trusted", trusted ? "yes" : "no"],
    ["webhook", webhook?.url ?? "the configured one"],
    ...Object.entries(defaults).map(([key, value]) => [`default ${key}`, defaultText(value)] as const),
    ...(budgetPerDay === null ? [] : [["budget a day", defaultText(budgetPerDay)] as const]),
    ["made", createdAt],
  ]);
  return EXIT.ok;
}

const defaultText = (value: unknown): string =>
  isVerify(value) ? commandText(value) : typeof value === "string" ? value : JSON.stringify(value);

export async function set(context: Context): Promise<number> {
  const { args, io } = context;
  const [name = "", ...settings] = args.words;
  const body = patchOf(settings, PROJECT_SETTINGS);
  if (typeof body["cwd"] === "string") body["cwd"] = resolve(body["cwd"]);
  const answer = await context.client().call(at(name), { method: "PATCH", body });
  if (!asJson(context, answer)) io.say(`changed project ${name}`);
  return EXIT.ok;
}

export async function remove(context: Context): Promise<number> {
  const { args, io } = context;
  const [name = ""] = args.words;
  const client = context.client();
  await client.call(at(name)); // a wrong name is told before anything is asked
  if (!(await confirmed(context, `the project ${name} and its agents will be forgotten`, "add --yes")))
    return EXIT.error;
  const flags = ["force", "discard"].filter((flag) => args.has(flag)).map((flag) => `${flag}=1`);
  const query = flags.length === 0 ? "" : `?${flags.join("&")}`;
  await client.call(`${at(name)}${query}`, { method: "DELETE", timeoutMs: REMOVE_MS });
  if (args.has("json")) printJson(io.out, { removed: name });
  else io.say(`removed project ${name}; its folder stays`);
  return EXIT.ok;
}
