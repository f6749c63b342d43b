/**
 * The commands of `agent-harness`, and the one place where an error becomes a line on stderr and an exit code. Each
 * command is loaded when it is asked for: who wants the version does not wait for the daemon's code.
 */
import { HarnessError, errorText } from "../lib/errors.ts";
import { VERSION } from "../lib/version.ts";
import { EXIT } from "./exit.ts";
import { HELP } from "./help.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export async function main(argv: readonly string[], env: Environment): Promise<number> {
  const [command = "help", ...rest] = argv;
  try {
    switch (command) {
      case "serve":
        return await (await import("./serve.ts")).serve(rest, env);
      case "status":
        return await (await import("./status.ts")).status(rest, env);
      case "doctor":
        return await (await import("./doctor.ts")).doctor(rest, env);
      case "version":
      case "--version":
      case "-V":
        console.log(`agent-harness ${VERSION}`);
        return EXIT.ok;
      case "help":
      case "--help":
      case "-h":
        console.log(HELP);
        return EXIT.ok;
      case "bridge":
        return await (await import("../bridge/opencode.ts")).runBridge(rest, env);
      default:
        console.error(`agent-harness: there is no command "${command}"; agent-harness help lists them`);
        return EXIT.usage;
    }
  } catch (error) {
    console.error(`agent-harness: ${errorText(error)}`);
    return error instanceof HarnessError && error.code === "USAGE" ? EXIT.usage : EXIT.error;
  }
}
