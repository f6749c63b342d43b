import { join } from "node:path";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "sh",
  settings: { kind: "command", command: [process.execPath, join(import.meta.dir, "../fakes/command.ts")] },
  can: {
    oneshot: true, permissions: false, questions: false, parallelAsks: false, allowAlways: false, withdraws: false, retries: false, blocks: false,
    subagents: false, ownTurns: false, redelivers: false, rawStdout: false, tools: false,
  },
});
