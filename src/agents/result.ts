/**
 * Looks at what an agent gave as the result of a turn and holds it against its schema. Reads only what is stored, so
 * that the next daemon finds the same. Loaded when the first agent has a schema.
 */
import { tryJson } from "../lib/json.ts";
import { misfits } from "../lib/json-schema.ts";
import { cutText } from "../lib/text.ts";
import type { Store } from "../store/database.ts";
import { lastAssistantMessage, lastToolInput } from "../store/messages.ts";
import { saveResult } from "../store/turns.ts";
import type { ResultTerms } from "../words/agent.ts";
import type { Closer, Found, StepUnderWay } from "./closing.ts";
import type { ResultsBy } from "../providers/contract.ts";

/** Of its JSON text. */
export const RESULT_MAX = 256 * 1024;

const MISSING = "it ended its turn without a result";

export const createResultCloser =
  ({ store, seam }: { readonly store: Store; readonly seam: (name: string) => void }): Closer =>
  ({ agent, turn, settings: { result, codec } }) => {
    // It was taken away since the turn began to be closed: nobody asks any more.
    if (result === null) return settled({ is: "good" });
    const by = codec.traits.results;
    if (by === undefined) {
      const message = `agents of kind ${codec.kind} give no result that fits a schema`;
      return settled({ is: "bad", code: "RESULT_NOT_SUPPORTED", message, feedback: null });
    }
    const value = givenIn(store, agent.id, turn, by);
    const fault = faultOf(result, value);
    seam("result_read");
    if (fault === null) return settled({ is: "good" }, () => saveResult(store, turn, value));
    const message = `the result does not fit its schema: ${fault}`;
    return settled({ is: "bad", code: "RESULT_INVALID", message, feedback: feedbackText(result, fault) });
  };

function settled(found: Found["found"], record?: () => void): StepUnderWay {
  return {
    done: Promise.resolve({ found, source: "check", ...(record === undefined ? {} : { record }) }),
    expire: () => undefined,
    cancel: () => undefined,
    release: () => undefined,
  };
}

/** undefined: nothing, or no JSON. */
function givenIn(store: Store, agent: string, turn: string, by: ResultsBy): unknown {
  if (by.tool !== undefined) return lastToolInput(store, agent, turn, by.tool);
  const said = lastAssistantMessage(store, agent, turn);
  return said === null ? undefined : tryJson(said.text.trim());
}

function faultOf({ schema }: ResultTerms, value: unknown): string | null {
  if (value === undefined) return MISSING;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes > RESULT_MAX) return `it has ${bytes} bytes, at most ${RESULT_MAX} are taken`;
  const issues = misfits(schema, value).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return issues.length === 0 ? null : cutText(issues.join("; "), 2000);
}

function feedbackText({ schema }: ResultTerms, fault: string): string {
  return `The result of your work was not taken: ${fault}.
Give it once more, whole, as JSON that fits this schema, and end your turn with it:
${JSON.stringify(schema)}`;
}
