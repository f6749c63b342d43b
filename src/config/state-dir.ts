/** Where a program keeps its state unless the config says otherwise. */
import { join } from "node:path";
import type { ResolveContext } from "./load.ts";

/** `$XDG_STATE_HOME/agent-harness`; used by both programs. */
export function defaultStateDir(
  context: Pick<ResolveContext, "env" | "problem" | "broken">,
  name = "agent-harness",
): string {
  const { XDG_STATE_HOME: xdg, HOME: home } = context.env;
  if (xdg?.startsWith("/")) return join(xdg, name);
  if (home?.startsWith("/")) return join(home, ".local", "state", name);
  if (!context.broken("stateDir")) {
    context.problem(
      "stateDir",
      "missing, expected an absolute path, because neither XDG_STATE_HOME nor HOME names a folder",
    );
  }
  return "";
}
