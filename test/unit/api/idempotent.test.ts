/** A deed that cannot be taken back, asked for without a key: no refusal may say that nothing was done. */
import { expect, test } from "bun:test";
import type { ApiDeps } from "../../../src/api/deps.ts";
import { answerLeaving } from "../../../src/api/idempotent.ts";
import type { ErrorCode } from "../../../src/words/errors.ts";
import { HarnessError } from "../../../src/lib/errors.ts";

test.each([
  [true, "STORE_BUSY", "OUTCOME_UNKNOWN"],
  [false, "STORE_BUSY", "STORE_BUSY"],
  [true, "AGENT_BUSY", "AGENT_BUSY"],
] satisfies [boolean, ErrorCode, ErrorCode][])("begun: %p, then %s is told as %s", async (begun, code, told) => {
  const asked = { scope: "s", req: new Request("http://x/", { method: "POST" }), bodyBytes: new Uint8Array() };
  const work = async (leave: () => void): Promise<never> => {
    if (begun) leave();
    throw new HarnessError(code, "held");
  };
  // Without a key nothing is asked of the store.
  const answer = answerLeaving({} as ApiDeps, asked, work);
  expect(await answer.catch((error: unknown) => error instanceof HarnessError && error.code)).toBe(told);
});
