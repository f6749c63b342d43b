import { join } from "node:path";
import { ABILITIES } from "./abilities.ts";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "sh",
  settings: { kind: "command", command: [process.execPath, join(import.meta.dir, "../fakes/command.ts")] },
  can: ABILITIES.command,
});
