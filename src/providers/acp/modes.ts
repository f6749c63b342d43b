/**
 * In which of an agent's own modes it asks before it acts. ACP gives modes an id and a name and no meaning, so they are
 * recognised by the words that agents use; an agent that was started in a mode that does everything unasked makes
 * nothing of a `permissions` that says "ask" or "deny".
 */
import { type Fields, fields, items, maybeIdOf, maybeText, text } from "../read.ts";

export interface ModeChange {
  readonly mode: string;
  readonly method: string;
  readonly params: Fields;
}

/** `asks`: it is in such a mode. `unknown`: it offers none that is known to ask. */
export type Modes =
  | { readonly found: "asks"; readonly mode: string }
  | { readonly found: "change"; readonly change: ModeChange }
  | { readonly found: "unknown"; readonly offered: readonly string[] };

interface Mode {
  readonly id: string;
  readonly name: string;
}

/** From the surest word to the least: the first mode that one of them fits is taken. */
const ASKING = [
  /\b(always|must|please)[ _-]?ask|\bask[ _-]?(always|every|first|for|before|me)|^ask$/i,
  /^(read[ _-]?only|untrusted|on[ _-]?request|manual|supervised|approve|suggest|confirm)\b/i,
  /^(default|normal|standard)\b/i,
];

/** What the answer to session/new, load or resume says. */
export function modesOf(session: string, result: unknown): Modes {
  const offered = fields(result, "modes");
  const option = items(result, "configOptions").find(({ category }) => category === "mode");
  const configId = maybeIdOf(option, "id");
  const modes = items(offered, "availableModes").map((mode) => ({ id: text(mode, "id"), name: text(mode, "name") }));
  if (modes.length > 0) {
    return chosen(modes, maybeText(offered, "currentModeId"), (mode) => ({
      mode,
      method: "session/set_mode",
      params: { sessionId: session, modeId: mode },
    }));
  }
  // Values may stand in groups.
  const values = items(option, "options").flatMap((each) => ("options" in each ? items(each, "options") : [each]));
  return chosen(
    values.map((value) => ({ id: text(value, "value"), name: text(value, "name") })),
    maybeText(option, "currentValue"),
    (mode) => ({
      mode,
      method: "session/set_config_option",
      params: { sessionId: session, configId: configId ?? "mode", value: mode },
    }),
  );
}

function chosen(modes: readonly Mode[], current: string | undefined, change: (mode: string) => ModeChange): Modes {
  for (const words of ASKING) {
    const asking = modes.filter(({ id, name }) => words.test(lastPart(id)) || words.test(name));
    const found = asking.find(({ id }) => id === current) ?? asking[0];
    if (found === undefined) continue;
    return found.id === current ? { found: "asks", mode: found.id } : { found: "change", change: change(found.id) };
  }
  return { found: "unknown", offered: modes.map(({ id }) => id) };
}

/** Some ids are addresses. */
function lastPart(id: string): string {
  return id.split(/[/#:]/).at(-1) ?? id;
}
