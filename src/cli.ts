/** Entry of `agent-harness`: picks the command and turns what it throws into one line and an exit code. */
import { main } from "./cli/main.ts";

process.exit(await main(Bun.argv.slice(2), process.env));
