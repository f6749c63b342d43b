import { join } from "node:path";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "codex",
  settings: { kind: "codex", command: [process.execPath, join(import.meta.dir, "../fakes/codex.ts")] },
  can: {
    permissions: true, questions: true, parallelAsks: true, allowAlways: true, withdraws: true, retries: true, blocks: false,
    subagents: true, ownTurns: true, redelivers: true, rawStdout: true, tools: true,
  },
});
