import { join } from "node:path";
import { ABILITIES } from "./abilities.ts";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "acp",
  settings: { kind: "acp", command: [process.execPath, join(import.meta.dir, "../fakes/acp.ts")] },
  can: ABILITIES.acp,
});
