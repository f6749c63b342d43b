import { join } from "node:path";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "acp",
  settings: { kind: "acp", command: [process.execPath, join(import.meta.dir, "../fakes/acp.ts")] },
  can: {
    permissions: true, questions: false, parallelAsks: true, allowAlways: true, withdraws: true, retries: false, blocks: false,
    subagents: false, ownTurns: false, redelivers: true, rawStdout: true, tools: true,
  },
});
