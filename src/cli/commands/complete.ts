/** `__complete SHELL INDEX WORDS…`: what fits at the cursor. Silent on any error; the daemon is asked for 300 ms. */
import { EXIT } from "../../words/exits.ts";
import { findAddress } from "../address.ts";
import { parseArgs } from "../args.ts";
import { askedOf } from "../asks.ts";
import type { Candidate } from "../candidates.ts";
import { starting, wantedAt } from "../candidates.ts";
import type { Client } from "../client.ts";
import { createClient } from "../client.ts";
import type { Command, Context } from "../command.ts";
import type { Kind } from "../grammar.ts";
import { EVENT_NAMES } from "../../words/events.ts";
import type { AgentShape } from "../shapes.ts";
import { get, nameOf, pathOf } from "../shapes.ts";
import { findAgent } from "../target.ts";
import { oneLine } from "../text.ts";
import { AGENT_SETTINGS } from "./set.ts";
import { PROJECT_SETTINGS } from "./projects.ts";

const PATIENCE_MS = 300;
const ENDED = ["exited", "error"];

export async function run({ args, env, io, ...context }: Context): Promise<number> {
  const [shell = "", index = "", ...line] = args.words;
  try {
    const commands = await context.commands();
    const { words, typed } = place(shell, Number(index), line);
    const wanted = wantedAt({ words, typed }, commands);
    if ("fixed" in wanted) print(wanted.fixed, "");
    else {
      const found = await Promise.race([
        offered(wanted.kind, wanted.words, words, commands, env),
        Bun.sleep(PATIENCE_MS).then((): readonly Candidate[] => []),
      ]);
      // bash sees only what stands behind the "=".
      print(special(found) ? found : starting(wanted.typed, found), shell === "bash" ? "" : wanted.before);
    }
  } catch {
    // A completion that cannot be made is none.
  }
  return EXIT.ok;

  function print(candidates: readonly Candidate[], before: string): void {
    const lines = candidates.map(({ value, what }) => {
      const text = oneLine(`${before}${value}`);
      return shell === "bash" ? text : `${text}\t${oneLine(what ?? "")}`;
    });
    if (lines.length > 0) io.out.write(`${lines.join("\n")}\n`);
  }
}

/** bash breaks words at "=": they are put together again. */
function place(shell: string, index: number, line: readonly string[]): { words: string[]; typed: string } {
  const upTo = line.slice(1, index + 1);
  const typed = upTo.length < index ? "" : (upTo.pop() ?? "");
  if (shell !== "bash") return { words: upTo, typed };
  const words: string[] = [];
  let joins = false;
  for (const word of [...upTo, typed]) {
    const last = words.at(-1);
    if (last !== undefined && (word === "=" || joins)) words[words.length - 1] = last + word;
    else words.push(word);
    joins = word === "=";
  }
  return { typed: words.pop() ?? "", words };
}

const special = ([first]: readonly Candidate[]): boolean => first?.value.startsWith(":") === true;
const plain = (values: readonly string[]): readonly Candidate[] => values.map((value) => ({ value }));
const targets = (agents: readonly AgentShape[]): readonly Candidate[] =>
  agents.map((agent) => ({ value: nameOf(agent), what: `${agent.status}, ${agent.provider}` }));

async function offered(
  kind: Kind,
  args: readonly string[],
  words: readonly string[],
  commands: readonly Command[],
  env: Context["env"],
): Promise<readonly Candidate[]> {
  if (typeof kind === "object") return plain("oneOf" in kind ? kind.oneOf : kind.listOf);
  const client = (): Client => createClient(findAddress(addressArgs(words), env));
  const agents = async (): Promise<readonly AgentShape[]> => get(client(), "/agents?limit=1000", "agents");
  switch (kind) {
    case "file":
      return [{ value: ":files" }];
    case "folder":
      return [{ value: ":folders" }];
    case "command":
      return commands.filter(({ hidden }) => hidden !== true).map(({ name, what }) => ({ value: name, what }));
    case "method":
      return plain(["GET", "POST", "PATCH", "DELETE"]);
    case "types":
      return plain(EVENT_NAMES);
    case "target":
      return targets(await agents());
    case "waiting":
      return targets((await agents()).filter(({ pendingPermissions }) => pendingPermissions > 0));
    case "ended":
      return targets((await agents()).filter(({ status, process }) => ENDED.includes(status) || process !== "running"));
    case "project":
      return (await get(client(), "/projects", "projects")).map(({ name, cwd }) => ({ value: name, what: cwd }));
    case "place":
      return [
        ...(await get(client(), "/projects", "projects")).map(({ name, cwd }) => ({ value: name, what: cwd })),
        ...targets(await agents()),
      ];
    case "provider": {
      const answer = await client().call("/api/v1/status");
      const { providers } = answer as { providers: readonly { name: string; available: boolean }[] };
      return providers.map(({ name, available }) => ({ value: name, what: available ? "ready" : "not ready" }));
    }
    case "permission": {
      const agent = await findAgent(client(), args[0] ?? "");
      return (await askedOf(client(), agent, "pending")).map(({ id, title }) => ({ value: id, what: title }));
    }
    case "input": {
      const agent = await findAgent(client(), args[0] ?? "");
      const inputs = await get(client(), `${pathOf(agent)}/inputs`, "inputs");
      return inputs.filter(({ state }) => state === "queued").map(({ n, text }) => ({ value: String(n), what: text }));
    }
    case "delivery": {
      const deliveries = await get(client(), "/deliveries?limit=50", "deliveries");
      return deliveries.map(({ id, state, event }) => ({ value: id, what: `${state} ${event}` }));
    }
    case "setting": {
      const settings = words.includes("projects") ? PROJECT_SETTINGS : AGENT_SETTINGS;
      return settings.map(({ key }) => ({ value: key.endsWith(".K") ? key.slice(0, -1) : `${key}=` }));
    }
    default:
      return [];
  }
}

/** The flags that say where the daemon is, out of a line that is not finished. */
function addressArgs(words: readonly string[]) {
  const found: string[] = [];
  for (const [i, word] of words.entries()) {
    if (/^--(url|config)=./.test(word)) found.push(word);
    else if ((word === "--url" || word === "--config") && words[i + 1] !== undefined)
      found.push(`${word}=${words[i + 1] ?? ""}`);
  }
  return parseArgs(found, { name: "__complete", args: [], flags: [] });
}
