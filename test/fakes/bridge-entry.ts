/** The bridge alone, as `agent-harness bridge …` runs it: tests of the bridge need nothing else of the program. */
import { systemClock } from "../../src/lib/clock.ts";
import { runBridge } from "../../src/bridge/opencode.ts";

process.exit(await runBridge(Bun.argv.slice(3), process.env, systemClock));
