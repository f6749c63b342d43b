/** Exit codes are those of both programs: `words/exits.ts`. */
export { EXIT, EXIT_MEANS as MEANINGS } from "../words/exits.ts";
export { exitOf } from "../lib/errors.ts";
