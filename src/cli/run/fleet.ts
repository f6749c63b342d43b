/** `run --fleet`: a task for whichever box has room, and its answer on stdout. */
import { realpathSync } from "node:fs";
import { isObject } from "../../lib/check.ts";
import { HarnessError } from "../../lib/errors.ts";
import type { ExitCode } from "../../words/exits.ts";
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { printJson } from "../print.ts";
import type { TaskShape } from "../shapes.ts";
import { get, member } from "../shapes.ts";
import { nameFor, projectAt } from "../target.ts";
import { splitPair } from "../values.ts";
import { given } from "../../lib/given.ts";

const LOOK_MS = 500;
const ENDS: Readonly<Record<string, ExitCode>> = { done: EXIT.ok, failed: EXIT.error, cancelled: EXIT.aborted };

export async function runInFleet(context: Context, text: string, body: Record<string, unknown>): Promise<number> {
  const { args, io } = context;
  for (const flag of ["wait-input", "rm", "dir"])
    if (args.has(flag)) throw usage(`--${flag} and --fleet exclude each other: the agent is on another box`);
  const client = context.client();
  const key = args.value("key");
  const provider = args.value("provider");
  const [url, ref] = [args.value("repo"), args.value("ref")];
  if (ref !== undefined && url === undefined) throw usage("--ref goes with --repo");
  const labels = Object.fromEntries(args.all("require").map(splitPair));
  const asked = {
    ...body,
    task: text,
    project: args.value("project") ?? (await projectHere(client)),
    ...given({ provider }),
    ...(url === undefined ? {} : { repo: { url, ...given({ ref }) } }),
    ...(Object.keys(labels).length === 0 ? {} : { requires: { labels } }),
  };
  const answer = await client.call("/api/v1/fleet/tasks", {
    method: "POST",
    body: asked,
    ...(key === undefined ? {} : { headers: { "Idempotency-Key": key } }),
  });
  const { id } = member(answer, "task");
  if (args.has("detach")) {
    if (args.has("json")) printJson(io.out, answer);
    else io.out.line(id);
    return EXIT.ok;
  }
  const task = await ended(context, client, id);
  if (task === null) return EXIT.timeout;
  if (args.has("json")) printJson(io.out, { task });
  else await sayAnswer(context, client, task);
  if (task.error !== null) io.warn(task.error);
  return ENDS[task.state] ?? EXIT.error;
}

/** What was the matter is said once, as it changes. null: it took too long, and is being ended. */
async function ended(context: Context, client: Client, id: string): Promise<TaskShape | null> {
  const { args, io } = context;
  const limitMs = args.duration("timeout");
  const began = performance.now();
  let told = "";
  for (;;) {
    const task = await get(client, `/fleet/tasks/${id}`, "task");
    if (ENDS[task.state] !== undefined) return task;
    const where = task.holder === null ? (task.blockedBy ?? "queued") : `${task.state} on ${task.holder}`;
    if (where !== told && io.err.isTty) io.say(`${id}: ${where}`);
    told = where;
    if (limitMs !== undefined && performance.now() - began > limitMs) {
      await client.call(`/api/v1/fleet/tasks/${id}/cancel`, { method: "POST" });
      return null;
    }
    await Bun.sleep(LOOK_MS);
  }
}

/** The agent's own words, from the box that has it, or from the mirror when that is gone. */
async function sayAnswer({ io }: Context, client: Client, { holder, project, agent }: TaskShape): Promise<void> {
  if (holder === null || agent === null) return;
  const path = `/api/v1/nodes/${encodeURIComponent(holder)}/projects/${project}/agents/${agent}/messages/last`;
  try {
    const answer = await client.call(path, { timeoutMs: 45_000 });
    const message = isObject(answer) && isObject(answer["message"]) ? answer["message"]["text"] : undefined;
    if (typeof message === "string") io.out.line(message.trimEnd());
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    io.warn(`its answer cannot be had now (${error.message})`);
  }
}

/** The project that lies here has the same name on the other boxes, or it is none of the fleet's. */
async function projectHere(client: Client): Promise<string> {
  const folder = realpathSync(".");
  const projects = await get(client, "/projects", "projects");
  return projectAt(projects, folder)?.name ?? nameFor(folder);
}
