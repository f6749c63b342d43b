/** What a page of a fleet has from its beginning, as one piece to be loaded. Nothing else imports it. */
export { createBoxes } from "./fleet-boxes.ts";
export { createSource } from "./fleet-source.ts";
export { createFleetWatch } from "./fleet-watch.ts";
