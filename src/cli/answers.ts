/** An answer to a request: which one is meant, showing it whole, and sending what was decided for what was shown. */
import { HarnessError } from "../lib/errors.ts";
import { usage } from "./args.ts";
import type { Asked } from "./asks.ts";
import { askedOf, askedOfAll, askerOf, questionsOf } from "./asks.ts";
import type { Client } from "./client.ts";
import type { Context } from "./command.ts";
import { findAgent } from "./target.ts";
import { splitPair } from "./values.ts";

export interface Decided {
  readonly decision: "allow" | "allow_always" | "deny";
  readonly message?: string;
  readonly answers?: Readonly<Record<string, string>>;
}

/** `named`: the command line says exactly which one, so nobody has to be shown anything. */
export interface Meant {
  readonly request: Asked;
  readonly named: boolean;
}

export async function meantRequest({ args, client: connect }: Context): Promise<Meant | null> {
  const client = connect();
  const [target, pid] = args.words;
  if (args.has("next")) {
    if (target !== undefined) throw usage("--next takes no TARGET: it is the oldest request of all");
    const [oldest] = await askedOfAll(client, "pending");
    return oldest === undefined ? null : { request: oldest, named: false };
  }
  if (target === undefined) throw usage("TARGET is missing (or --next, for the oldest request of all)");
  const agent = await findAgent(client, target, { dot: false });
  const all = await askedOf(client, agent, null);
  if (pid !== undefined) {
    const found = all.find(({ id }) => id === pid);
    if (found !== undefined) return { request: found, named: true };
    const open = all.filter(({ state }) => state === "pending").map(({ id }) => id);
    throw new HarnessError(
      "PERMISSION_NOT_FOUND",
      `${target} has no request ${pid}${open.length === 0 ? ", and none waits" : `; waiting: ${open.join(", ")}`}`,
    );
  }
  const open = all.filter(({ state }) => state === "pending");
  const [only] = open;
  if (open.length > 1)
    throw usage(`${target} asks more than one thing: ${open.map(({ id, title }) => `${id} (${title})`).join(", ")}`);
  return only === undefined ? null : { request: only, named: false };
}

/** The stored request after it. Throws PERMISSION_SETTLED when somebody else was first. */
export function decide(client: Client, request: Asked, decided: Decided): Promise<unknown> {
  const path = `/api/v1/projects/${request.project}/agents/${request.agent}/permissions/${request.id}`;
  const expect = request.hash === undefined ? {} : { expect: request.hash };
  return client.call(path, { method: "POST", body: { ...decided, ...expect } });
}

/** `QUESTION=ANSWER` words: the question's text or its number. */
export function answersOf(request: Asked, given: readonly string[]): Readonly<Record<string, string>> | undefined {
  if (given.length === 0) return undefined;
  const questions = questionsOf(request.detail);
  const answers: Record<string, string> = {};
  for (const word of given) {
    const found = questions
      .map(({ question }, i) => ({ question, keys: [question, String(i + 1)] }))
      .flatMap(({ question, keys }) =>
        keys.filter((key) => word.startsWith(`${key}=`)).map((key) => ({ question, key })),
      )
      .toSorted((a, b) => b.key.length - a.key.length)[0];
    if (found === undefined) {
      const known = questions.map(({ question }, i) => `${i + 1} or ${JSON.stringify(question)}`).join(", ");
      throw usage(
        questions.length === 0
          ? `${askerOf(request)} ${request.id} asks no question, so it takes no --answer`
          : `--answer: there is no question ${JSON.stringify(splitPair(word)[0])}; known: ${known}`,
      );
    }
    answers[found.question] = word.slice(found.key.length + 1);
  }
  return answers;
}
