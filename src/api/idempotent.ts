/**
 * The one door of every route that changes something: what it answers is stored with what it did, in one transaction,
 * under the client's `Idempotency-Key`, and for whoever else has to know of it. The same
 * key and body get the first answer again, also from the next daemon. What a route did outside of the store (a
 * signal, a program that ends) cannot be taken back by a rollback: it says so before, and is never done twice.
 */
import { toJson, tryJson } from "../lib/json.ts";
import { sha256 } from "../lib/digest.ts";
import { json, noContent } from "../http/answer.ts";
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import { beginAnswer, endAnswer, keepAnswer, keptAnswer } from "../store/idempotency.ts";
import type { ApiDeps } from "./deps.ts";

export interface Answer {
  readonly status: number;
  /** undefined: there is none (204). */
  readonly body: unknown;
  /** Of the live answer; a repeated one has none of them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The row of the input that was stored, if any: the key lives at least as long as that is unsettled. */
  readonly input?: number | null;
  /** The agent that it is about: what it says is forgotten with it. */
  readonly agent?: string | null;
}

export interface Asked {
  /** What the key belongs to: not the path, in which an agent may stand by its id or by its name. */
  readonly scope: string;
  readonly req: Request;
  readonly bodyBytes: Uint8Array;
}

/** Whoever has to know of an answer as the store knows of it: a call of another box, a task of the pool. */
export interface Witness {
  /** Inside the transaction of the effect. */
  done(answer: { readonly status: number; readonly answer: string }): void;
  /** In a transaction, before what cannot be taken back. */
  left(): void;
}

/** Nothing that is sent can put a request in here. */
const witnesses = new WeakMap<Request, Witness>();

export const witnessed = (req: Request, witness: Witness): Request => (witnesses.set(req, witness), req);

/** For a route whose effect is in the store alone. `work` calls `keep` inside its transaction, once. */
export function answerOnce(deps: ApiDeps, asked: Asked, work: (keep: (answer: Answer) => void) => Answer): Response {
  const { store, age } = deps;
  const key = keyOf(asked);
  const witness = witnesses.get(asked.req);
  const kept = key === null ? null : earlier(deps, asked, key);
  if (kept !== null) return kept;
  const answer = work((made) => {
    if (key !== null) keepAnswer(store, { ...key, ...stored(made) }, age.now());
    witness?.done(stored(made));
  });
  return responseOf(answer);
}

/**
 * For a route whose effect leaves the store. `leave` is called before anything is done that cannot be undone; when it
 * was called and no answer could be stored, the same key gets OUTCOME_UNKNOWN.
 */
export async function answerLeaving(
  deps: ApiDeps,
  asked: Asked,
  work: (leave: () => void) => Promise<Answer>,
): Promise<Response> {
  const { store, age } = deps;
  const key = keyOf(asked);
  const witness = witnesses.get(asked.req);
  if (key === null && witness === undefined) return responseOf(await workOnce(work));
  const running = key === null ? undefined : under(deps).get(nameOf(key));
  if (running !== undefined) return responseOf(await running, true);
  const kept = key === null ? null : earlier(deps, asked, key);
  if (kept !== null) return kept;
  let left = false;
  const working = work(() => {
    left = true;
    store.transact(() => {
      if (key !== null) beginAnswer(store, key, age.now());
      witness?.left();
    });
  }).then(
    (answer) => end(answer, answer),
    (error: unknown) => {
      // A refusal that came after the deed is its answer.
      if (left && error instanceof HarnessError) end({ status: error.status, body: refusal(error) }, null);
      throw error;
    },
  );
  const end = <T>(answer: Answer, result: T): T => {
    store.transact(() => {
      if (key !== null && !left) keepAnswer(store, { ...key, ...stored(answer) }, age.now());
      else if (key !== null) endAnswer(store, key, stored(answer));
      witness?.done(stored(answer));
    });
    return result;
  };
  if (key === null) return responseOf(await working);
  const inFlight = under(deps);
  inFlight.set(nameOf(key), working);
  try {
    return responseOf(await working);
  } finally {
    inFlight.delete(nameOf(key));
  }
}

/** Nobody keeps its answer. STORE_BUSY says that nothing was done, and would be tried again: not behind the deed. */
async function workOnce(work: (leave: () => void) => Promise<Answer>): Promise<Answer> {
  let left = false;
  try {
    return await work(() => (left = true));
  } catch (error) {
    if (!left || !(error instanceof HarnessError) || error.code !== "STORE_BUSY") throw error;
    const message = "this was begun, and then the store was held by another program: look at what there is";
    throw new HarnessError("OUTCOME_UNKNOWN", message, { cause: error });
  }
}

interface Key {
  readonly scope: string;
  readonly key: string;
  readonly hash: string;
}

const nameOf = ({ scope, key, hash }: Key): string => `${scope}\n${key}\n${hash}`;

/** Work under a key that has not answered yet, of one daemon. */
const inFlight = new WeakMap<object, Map<string, Promise<Answer>>>();

function under({ store }: ApiDeps): Map<string, Promise<Answer>> {
  const found = inFlight.get(store) ?? new Map<string, Promise<Answer>>();
  inFlight.set(store, found);
  return found;
}

function keyOf({ req, scope, bodyBytes }: Asked): Key | null {
  const key = req.headers.get("idempotency-key");
  if (key === null) return null;
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return { scope, key, hash: sha256(bodyBytes).toString("hex") };
  throw invalidRequest([
    { path: "Idempotency-Key", message: "expected 1 to 255 printable ASCII characters without spaces" },
  ]);
}

/** What the key got before. Throws IDEMPOTENCY_MISMATCH, OUTCOME_UNKNOWN. */
function earlier({ store }: ApiDeps, { req }: Asked, { scope, key, hash }: Key): Response | null {
  const kept = keptAnswer(store, scope, key, hash);
  if (kept === null) return null;
  const { status } = kept;
  if (status === null)
    throw new HarnessError(
      "OUTCOME_UNKNOWN",
      "this was begun, and the daemon went before it was known to be done: look at what there is, then ask with a new key",
    );
  const witness = witnesses.get(req);
  if (witness !== undefined) store.transact(() => witness.done({ status, answer: kept.answer }));
  const body = kept.answer === "" ? undefined : tryJson(kept.answer);
  return responseOf({ status, body }, true);
}

const stored = ({ status, body, input = null, agent = null }: Answer) => ({
  status,
  answer: body === undefined ? "" : toJson(body),
  input,
  agent,
});

function responseOf({ status, body, headers = {} }: Answer, replayed = false): Response {
  const all = { ...headers, ...(replayed ? { "Idempotency-Replayed": "true" } : {}) };
  return body === undefined ? noContent(all) : json(body, { status, headers: all });
}

const refusal = ({ code, message, issues }: HarnessError) => ({ error: code, message, ...(issues ? { issues } : {}) });
