/** `run`: a task for an agent in this folder, and its answer on stdout. */
import { realpathSync } from "node:fs";
import { errorText } from "../../lib/errors.ts";
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import { attachmentsOf } from "../attachments.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { printJson } from "../print.ts";
import { newestEvent, stay } from "../run/stay.ts";
import type { ProjectShape } from "../shapes.ts";
import { get, member, nameOf } from "../shapes.ts";
import { readStdin } from "../stdin.ts";
import { schemaOf } from "../schema.ts";
import { nameFor, projectAt } from "../target.ts";
import { pad } from "../text.ts";
import { splitPair } from "../values.ts";
import { verifyOf } from "../verify.ts";
import { BUDGET_WORDS, numberOf } from "../settings.ts";
import { trustWords } from "./projects.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const [given] = args.words;
  if (given === undefined) throw usage("TEXT is missing: write the task, or - to read it from stdin");
  for (const flag of ["timeout", "wait-input", "rm"])
    if (args.has("detach") && args.has(flag)) throw usage(`--${flag} and --detach exclude each other`);
  if (args.has("worktree") && args.has("copy")) throw usage("--worktree and --copy exclude each other");
  if (args.value("base") !== undefined && !args.has("worktree")) throw usage("--base goes with --worktree");
  const attachments = attachmentsOf(args);
  const client = context.client();
  if (args.has("fleet")) {
    const more = { ...verifyOf(args), ...schemaOf(args), ...(attachments === undefined ? {} : { attachments }) };
    const body = { ...members(context), ...more };
    const text = given === "-" ? readStdin(io) : given;
    return (await import("../run/fleet.ts")).runInFleet(context, text, body);
  }
  for (const flag of ["require", "repo", "ref"])
    if (args.has(flag)) throw usage(`--${flag} is about boxes of the fleet: it goes with --fleet`);
  const project = await projectFor(context, client);
  const provider = args.value("provider") ?? project.defaults["provider"] ?? (await onlyReady(client));
  const text = given === "-" ? readStdin(io) : given;
  const since = await newestEvent(client);
  const body = {
    provider,
    task: text,
    ...members(context),
    ...verifyOf(args),
    ...schemaOf(args),
    ...(attachments === undefined ? {} : { attachments }),
  };
  const key = args.value("key");
  const path = `/api/v1/projects/${project.name}/agents`;
  const { answer, headers } = await client.exchange(path, {
    method: "POST",
    body,
    ...(key === undefined ? {} : { headers: { "Idempotency-Key": key } }),
  });
  const agent = member(answer, "agent");
  if (args.has("detach")) {
    if (args.has("json")) printJson(io.out, answer);
    else io.out.line(nameOf(agent));
    return EXIT.ok;
  }
  if (io.err.isTty)
    io.say(
      `${pad(`${nameOf(agent)} on ${provider}`, 34)} leave it: Ctrl-C twice · agent-harness logs -f ${nameOf(agent)}`,
    );
  const replayed = headers.get("idempotency-replayed") === "true";
  return stay(context, agent, { input: 1, since, replayed, textFromStdin: given === "-" });
}

function members({ args }: Context): Record<string, unknown> {
  const pairs = (flag: string) => Object.fromEntries(args.all(flag).map(splitPair));
  const url = args.value("webhook");
  const budget = Object.fromEntries(
    BUDGET_WORDS.flatMap(({ word, key, number }) => {
      const value = args.value(`budget-${word}`);
      return value === undefined ? [] : [[key, numberOf(number, value, `--budget-${word}`)]];
    }),
  );
  return {
    ...given("name", args.value("name")),
    ...given("model", args.value("model")),
    ...given("permissions", args.value("permissions")),
    ...given("systemPrompt", args.value("system")),
    ...(args.all("env").length === 0 ? {} : { env: pairs("env") }),
    ...(args.all("meta").length === 0 ? {} : { metadata: pairs("meta") }),
    ...(args.has("worktree") ? { workspace: { kind: "worktree", ...given("base", args.value("base")) } } : {}),
    ...(args.has("copy") ? { workspace: { kind: "copy" } } : {}),
    ...(url === undefined ? {} : { webhook: { url } }),
    ...(Object.keys(budget).length === 0 ? {} : { budget }),
  };
}

const given = (key: string, value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { [key]: value };

/** The named one, the one that lies here or above, or a new one for this folder. */
async function projectFor({ args, io }: Context, client: Client): Promise<ProjectShape> {
  const name = args.value("project");
  const dir = args.value("dir");
  if (name !== undefined && dir !== undefined)
    throw usage("--project and -C exclude each other: a project has a folder");
  if (name !== undefined) return get(client, `/projects/${encodeURIComponent(name)}`, "project");
  const folder = realFolder(dir ?? ".");
  const projects = await get(client, "/projects", "projects");
  const found = projectAt(projects, folder);
  if (found !== undefined) return found;
  const taken = new Set(projects.map((each) => each.name));
  const base = nameFor(folder);
  let free = base;
  for (let n = 2; taken.has(free); n++) free = `${base}-${n}`;
  const made = await get(client, "/projects", "project", { method: "POST", body: { name: free, cwd: folder } });
  io.say(`made project ${made.name} for ${made.cwd}${trustWords(made)}`);
  return made;
}

function realFolder(dir: string): string {
  try {
    return realpathSync(dir);
  } catch (error) {
    throw usage(`-C: cannot use ${dir}: ${errorText(error)}`);
  }
}

async function onlyReady(client: Client): Promise<string> {
  const answer = await client.call("/api/v1/status");
  const providers = isObject(answer) && Array.isArray(answer["providers"]) ? answer["providers"].filter(isObject) : [];
  const ready = providers.filter((each) => each["available"] === true).map((each) => String(each["name"]));
  const [only] = ready;
  if (ready.length === 1 && only !== undefined) return only;
  if (only === undefined) throw usage("no provider is ready: agent-harness doctor says what is missing");
  throw usage(
    `no provider given and ${ready.length} are ready: --provider ${ready.slice(0, -1).join(", ")} or ${ready.at(-1) ?? ""}`,
  );
}
