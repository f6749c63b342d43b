/** `Idempotency-Key`: the same key and body get the first answer again, also from the next daemon. */
import { toJson } from "../lib/json.ts";
import { sha256 } from "../lib/digest.ts";
import { json } from "../http/answer.ts";
import { invalidRequest } from "../lib/errors.ts";
import { keepAnswer, keptAnswer } from "../store/idempotency.ts";
import type { ApiDeps } from "./deps.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** The row of the input that was stored, if any: the key lives at least as long as that is unsettled. */
  readonly input: number | null;
  /** The agent that it is about: what it says is forgotten with it. */
  readonly agent: string;
}

interface Asked {
  /** What the key belongs to: not the path, in which an agent may stand by its id or by its name. */
  readonly scope: string;
  readonly req: Request;
  readonly bodyBytes: Uint8Array;
}

/** `work` calls `keep` inside its transaction, so that the answer is stored with what it tells, or not at all. */
export function answerOnce(
  { store, clock }: ApiDeps,
  { scope, req, bodyBytes }: Asked,
  work: (keep: (answer: Answer) => void) => Answer,
): Response {
  const key = req.headers.get("idempotency-key");
  if (key === null) {
    const { status, body } = work(() => undefined);
    return json(body, { status });
  }
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw invalidRequest([
      { path: "Idempotency-Key", message: "expected 1 to 255 printable ASCII characters without spaces" },
    ]);
  }
  const hash = sha256(bodyBytes).toString("hex");
  const kept = keptAnswer(store, scope, key, hash);
  if (kept !== null)
    return json(JSON.parse(kept.answer), { status: kept.status, headers: { "Idempotency-Replayed": "true" } });
  const { status, body } = work((answer) => {
    keepAnswer(
      store,
      scope,
      key,
      hash,
      { status: answer.status, answer: toJson(answer.body) },
      answer.input,
      answer.agent,
      clock.now(),
    );
  });
  return json(body, { status });
}
