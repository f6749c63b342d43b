import { join } from "node:path";
import { ABILITIES } from "./abilities.ts";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "codex",
  settings: { kind: "codex", command: [process.execPath, join(import.meta.dir, "../fakes/codex.ts")] },
  can: ABILITIES.codex,
});
