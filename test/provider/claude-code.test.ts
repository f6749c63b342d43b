import { join } from "node:path";
import { ABILITIES } from "./abilities.ts";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "claude-code",
  // Root may not skip permissions outside of a sandbox; whoever runs the tests is told to be in one.
  settings: {
    kind: "claude-code",
    command: [process.execPath, join(import.meta.dir, "../fakes/claude.ts")],
    env: { IS_SANDBOX: "1" },
  },
  can: ABILITIES["claude-code"],
});
