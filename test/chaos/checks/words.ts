/**
 * Messages: of a turn that its program ended, each text stands once, whole and in order; of one that was cut off, what
 * was wholly written stands once and nothing was made up.
 */
import type { Check, Evidence } from "../evidence.ts";
import { runsOf, tagOf, type Run } from "../journals.ts";
import { isDamaged, isShaken } from "./excuses.ts";
import { isOurs, turnRun, wordsOfOurs } from "./runs.ts";

export const messagesAreExact: Check = (evidence) =>
  evidence.agents.flatMap(({ id, provider }) => {
    const runs = runsOf(evidence, id);
    return (evidence.shown.inputs[id] ?? []).flatMap((input) => {
      if (isOurs(input)) return [];
      const tag = tagOf(String(input["text"]));
      const own = runs.filter((run) => run.tag === tag);
      const last = own.at(-1);
      const damaged = isDamaged(evidence, id, tag, own);
      const answers = wordsOfOurs(evidence, id, String(input["turnId"])).map((words) => `echo: ${words}`);
      const texts = textsOf(evidence, id, String(input["turnId"])).filter((text) => !answers.includes(text));
      if (last === undefined)
        return texts.length > 0 ? [`${tag}: its program said nothing, but ${texts.length} messages are shown`] : [];
      // A plain program's output is one message, whatever it consists of.
      const joined = provider === "some-command";
      // What the helper had not passed on when it died is lost with its end, though the server had ended the turn.
      const unheard =
        provider === "opencode" && turnRun(evidence, id, input)?.outcome === "lost" && isShaken(evidence, id, last);
      const flaws =
        damaged || unheard || last.end === null
          ? // OpenCode's words go through a helper that may have died with them; a plain program's are told at its
            // exit.
            [
              ...inventedIn(texts, own, joined),
              ...(damaged || joined || provider === "opencode" ? [] : missingIn(texts, own)),
            ]
          : differencesOf(texts, last, joined);
      return flaws.map((flaw) => `${tag} (${provider}): ${flaw}`);
    });
  });

/** Of the assistant, in order, without the empty ones. */
function textsOf({ shown }: Evidence, agent: string, turn: string): readonly string[] {
  return (shown.messages[agent] ?? [])
    .filter((message) => String(message["role"]) === "assistant" && String(message["turnId"]) === turn)
    .map((message) => String(message["text"]))
    .filter((text) => text !== "");
}

function differencesOf(texts: readonly string[], { said, saying, end }: Run, joined: boolean): readonly string[] {
  // A text that an interrupt cut may be kept in part.
  const cut = end?.outcome === "interrupted" && saying.length > said.length;
  const expected = joined ? [said.join("\n")].filter((text) => text !== "") : said.filter((text) => text !== "");
  const shown = cut ? texts.slice(0, expected.length) : texts;
  if (shown.length === expected.length && shown.every((text, n) => text === expected[n])) return [];
  if (cut && joined) return [];
  return [`said ${describe(expected)}, shown ${describe(texts)}`];
}

/** As `damage a run's files` writes it over them. */
const STRANGE = /^(garbage \d+|a stranger's words)\n$/;

/** A cut text may be shown as far as it came, be it into the middle of a letter. */
function inventedIn(texts: readonly string[], runs: readonly Run[], joined: boolean): readonly string[] {
  const possible = runs.flatMap((run) => (joined ? [run.saying.join("\n")] : run.saying));
  const unused = [...possible];
  return texts.flatMap((text) => {
    // What a plain program's output is made into by strangers is its output: it has no form that could tell.
    if (joined && STRANGE.test(text)) return [];
    const whole = text.replace(/\uFFFD+$/, "");
    const at = unused.findIndex((each) => each.includes(whole));
    if (at < 0) return [`shown but never said: ${describe([text])}`];
    unused.splice(at, 1);
    return [];
  });
}

/** What was wholly out before a death was read. */
function missingIn(texts: readonly string[], runs: readonly Run[]): readonly string[] {
  const rest = [...texts];
  return runs
    .flatMap((run) => run.said)
    .filter((text) => text !== "")
    .flatMap((text) => {
      const at = rest.indexOf(text);
      if (at < 0) return [`said before its process died, not shown: ${describe([text])}`];
      rest.splice(0, at + 1);
      return [];
    });
}

function describe(texts: readonly string[]): string {
  const each = texts.map((text) => (text.length > 60 ? `${text.slice(0, 40)}… (${text.length})` : text));
  return JSON.stringify(each);
}
