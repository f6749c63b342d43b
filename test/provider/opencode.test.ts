import { join } from "node:path";
import { ABILITIES } from "./abilities.ts";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "opencode",
  settings: { kind: "opencode", command: [process.execPath, join(import.meta.dir, "../fakes/opencode.ts")] },
  can: ABILITIES.opencode,
});
