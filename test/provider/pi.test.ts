import { join } from "node:path";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "pi",
  settings: { kind: "pi", command: [process.execPath, join(import.meta.dir, "../fakes/pi.ts")] },
  can: {
    permissions: true, questions: true, parallelAsks: false, allowAlways: true, withdraws: true, retries: true, blocks: true,
    subagents: false, ownTurns: true, redelivers: true, rawStdout: true, tools: true,
  },
});
