/** Which agents the words of a command line mean. An exact id wins; what is not clear is listed, never guessed. */
import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { HarnessError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { NAME } from "../words/names.ts";
import { usage } from "./args.ts";
import type { Client } from "./client.ts";
import type { AgentShape, ProjectShape } from "./shapes.ts";
import { allAgents, get, nameOf } from "./shapes.ts";

export interface TargetOptions {
  /** false: the command is too dangerous for `.` */
  readonly dot?: boolean;
}

export async function findAgent(client: Client, target: string, options: TargetOptions = {}): Promise<AgentShape> {
  const slash = target.indexOf("/");
  if (target === ".") {
    if (options.dot === false) throw usage("the target . is not taken here: name the agent");
    return newestHere(client);
  }
  if (slash !== -1) return findExact(client, target.slice(0, slash), target.slice(slash + 1));
  const agents = await allAgents(client);
  const byId = agents.filter(({ id }) => id === target);
  const found = byId.length > 0 ? byId : agents.filter(({ name }) => name === target);
  const [first] = found;
  if (first === undefined) throw unknown(target, agents);
  if (found.length > 1) throw usage(ambiguous(target, found));
  return first;
}

/** Each once, in the order of the words. */
export async function findAgents(
  client: Client,
  targets: readonly string[],
  options: TargetOptions = {},
): Promise<readonly AgentShape[]> {
  const found = new Map<string, AgentShape>();
  for (const target of targets) {
    const agent = await findAgent(client, target, options);
    found.set(agent.id, agent);
  }
  return [...found.values()];
}

function ambiguous(target: string, found: readonly AgentShape[]): string {
  const matches = found.map((agent) => `${nameOf(agent)} (${agent.id}, ${agent.status})`);
  return `${target} is ambiguous: ${matches.join(", ")}`;
}

async function findExact(client: Client, project: string, name: string): Promise<AgentShape> {
  if (!NAME.test(project) || !NAME.test(name))
    throw usage(
      `got the target ${JSON.stringify(`${project}/${name}`)}, expected project/name, project/id, a name or an id`,
    );
  try {
    return await get(client, `/projects/${project}/agents/${name}`, "agent");
  } catch (error) {
    if (!(error instanceof HarnessError) || error.status !== 404) throw error;
    throw unknown(`${project}/${name}`, await allAgents(client));
  }
}

function unknown(target: string, agents: readonly AgentShape[]): HarnessError {
  const names = agents.map(nameOf);
  const short = target.slice(target.indexOf("/") + 1);
  const meant =
    nearest(target, names) ??
    names.find((name) => name.slice(name.indexOf("/") + 1) === short) ??
    names.find((name) => nearest(short, [name.slice(name.indexOf("/") + 1)]) !== undefined);
  const mend = meant === undefined ? "agent-harness ps lists them" : `did you mean ${meant}?`;
  return new HarnessError("AGENT_NOT_FOUND", `there is no agent ${target}: ${mend}`);
}

async function newestHere(client: Client): Promise<AgentShape> {
  const projects = await get(client, "/projects", "projects");
  const project = projectAt(projects, realpathSync(process.cwd()));
  if (project === undefined)
    throw usage(
      `the target . is the newest agent of this folder's project, but no project lies here (${process.cwd()})`,
    );
  const newest = (await allAgents(client, `&project=${project.name}`)).at(-1);
  if (newest === undefined) throw usage(`the target . is the newest agent of ${project.name}, which has none yet`);
  return newest;
}

/** The project whose folder is this one, or the nearest above. */
export function projectAt(projects: readonly ProjectShape[], folder: string): ProjectShape | undefined {
  return projects
    .filter(({ cwd }) => folder === cwd || folder.startsWith(cwd === "/" ? "/" : `${cwd}/`))
    .toSorted((a, b) => b.cwd.length - a.cwd.length)[0];
}

/** A project's name out of a folder's: what a name may not hold becomes a dash. */
export function nameFor(folder: string): string {
  const name = basename(folder)
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 60);
  return NAME.test(name) ? name : "project";
}
