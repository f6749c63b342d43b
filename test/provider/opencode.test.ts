import { join } from "node:path";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "opencode",
  settings: { kind: "opencode", command: [process.execPath, join(import.meta.dir, "../fakes/opencode.ts")] },
  can: {
    permissions: true, questions: true, parallelAsks: true, allowAlways: true, withdraws: true, retries: true, blocks: true,
    subagents: true, ownTurns: true, redelivers: true, rawStdout: false, tools: true,
  },
});
