/** "Are you sure?": on a terminal a person is asked; without one, only `--yes` will do. */
import { usage } from "./args.ts";
import type { Context } from "./command.ts";
import { openTerminal } from "./tty.ts";

/** false: the person said no. Throws USAGE when nobody can be asked. */
export async function confirmed({ args, io }: Context, what: string, mend: string): Promise<boolean> {
  if (args.has("yes")) return true;
  const terminal = io.mayAsk ? openTerminal(io.err.write, () => process.kill(process.pid, "SIGINT")) : null;
  if (terminal === null) throw usage(`${what}: ${mend}`);
  try {
    const answer = await terminal.line(`${what}. Go on? [y/N] `);
    return /^y(es)?$/i.test(answer?.trim() ?? "");
  } finally {
    terminal.close();
  }
}
