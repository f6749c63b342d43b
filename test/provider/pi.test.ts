import { join } from "node:path";
import { ABILITIES } from "./abilities.ts";
import { providerSuite } from "./suite.ts";

providerSuite({
  name: "pi",
  settings: { kind: "pi", command: [process.execPath, join(import.meta.dir, "../fakes/pi.ts")] },
  can: ABILITIES.pi,
});
