/** Reading the stored state of this codec back. */
import { aText, mapOf, oneOf, orNull, type Reader, readStored, shapeOf, type Stored } from "../../lib/stored.ts";
import type { PermissionRules, StartCommand } from "./lines.ts";
import type { OpenCodeState } from "./state.ts";

const rules: Reader<PermissionRules> = mapOf((json, path) =>
  typeof json === "string" ? json : mapOf(aText)(json, path),
);

const start: Reader<StartCommand> = shapeOf<StartCommand>({
  cmd: oneOf("start"),
  session: orNull(aText),
  title: aText,
  directory: aText,
  model: orNull(aText),
  system: orNull(aText),
  permission: rules,
});

/** Both must be there: a bridge that gets no `start` command waits for it for ever. */
const state: Reader<OpenCodeState> = shapeOf<OpenCodeState>({ start: orNull(start), session: orNull(aText) });

export function readOpenCodeState(json: unknown): Stored<OpenCodeState> {
  return readStored(state, json);
}
