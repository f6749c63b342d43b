/** The schema of a result as a request gives it: refused where we could not hold a result against all of it. */
import { invalidRequest } from "../lib/errors.ts";
import { schemaFault } from "../lib/json-schema.ts";
import type { ResultTerms } from "../words/agent.ts";

/** It is an argument of a program, and stands in what is told the agent. */
const SCHEMA_BYTES = 32 * 1024;

export function assertSchema({ schema }: ResultTerms, path = "result.schema"): void {
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  const tooLarge = { path, message: `got ${bytes} bytes, expected at most ${SCHEMA_BYTES}` };
  const fault = bytes > SCHEMA_BYTES ? tooLarge : schemaFault(schema, path);
  if (fault !== null) throw invalidRequest([fault]);
}
