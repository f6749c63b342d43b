/** The commands of `agent-harness`, and the one place where an error becomes a line on stderr and an exit code. */
import { HarnessError, errorText } from "../lib/errors.ts";
import { VERSION } from "../lib/version.ts";
import { doctor } from "./doctor.ts";
import { EXIT } from "./exit.ts";
import { HELP } from "./help.ts";
import { serve } from "./serve.ts";
import { status } from "./status.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export async function main(argv: readonly string[], env: Environment): Promise<number> {
  const [command = "help", ...rest] = argv;
  try {
    switch (command) {
      case "serve":
        return await serve(rest, env);
      case "status":
        return await status(rest, env);
      case "doctor":
        return await doctor(rest, env);
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
      case "bridge": {
        const { runBridge } = await import("../bridge/opencode.ts");
        return await runBridge(rest, env);
      }
      default:
        console.error(`agent-harness: there is no command "${command}"; agent-harness help lists them`);
        return EXIT.usage;
    }
  } catch (error) {
    console.error(`agent-harness: ${errorText(error)}`);
    return error instanceof HarnessError && error.code === "USAGE" ? EXIT.usage : EXIT.error;
  }
}
