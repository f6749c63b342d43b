/**
 * Runs what other boxes ask of this one, through this box's own routes. Each call changes something at most once,
 * over any death of ours: that it was begun is stored before, its answer with its effect.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import { sha256 } from "../lib/digest.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { App } from "../http/router.ts";
import { errorAnswer } from "../http/answer.ts";
import type { Witness } from "../api/idempotent.ts";
import { witnessed } from "../api/idempotent.ts";
import { isObject } from "../lib/check.ts";
import type { Store } from "../store/database.ts";
import { beginCall, callIds, callLeft, findCall, finishCall, forgetCall } from "../store/fleet-calls.ts";
import type { CallAnswer, CallRequest, ClaimedCall } from "./call.ts";
import { PART_BYTES, claimCalls, readBody, sweepCalls, writeAnswer } from "./call.ts";
import type { Database } from "./database.ts";
import { DatabaseAway } from "./database.ts";
import type { Hints } from "./hints.ts";
import { channelOf, hint } from "./hints.ts";
import type { Member } from "./member.ts";
import { textArray } from "./registry.ts";
import { unseal } from "./seal.ts";
import { textOf } from "./values.ts";

export interface OwnerDeps {
  readonly store: Store;
  readonly database: Database;
  readonly schema: string;
  readonly member: () => Member | null;
  readonly hints: Hints;
  /** The routes of this box, open to whoever may write into the fleet's tables. */
  readonly app: App;
  readonly privateKey: string;
  readonly accept: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Owner {
  start(): void;
  stop(): void;
}

const AT_ONCE = 32;
/** An answer is held in memory and cut into rows. */
const ANSWER_BYTES = 8 * 1024 * 1024;
const HINTED_MS = 5000;
/** Who asks one thing after the other waits for a whole pause each time. */
const LIVELY_MS = 200;
const CALM_MS = 900;
/** Somebody who asked will ask again. */
const LIVELY_FOR_MS = 30_000;
const SWEEP_MS = 60_000;

export function createOwner(deps: OwnerDeps): Owner {
  const { store, database, clock, log, hints } = deps;
  const running = new Set<string>();
  let timer: Timer | null = null;
  let looking = false;
  let again = false;
  let stopped = false;
  let lastCallAt = Number.NEGATIVE_INFINITY;
  let sweptAt = clock.monotonic();
  /** Megabytes go one after the other: small answers find a connection between them. */
  let largeOnes: Promise<void> = Promise.resolve();

  const look = async (): Promise<void> => {
    if (looking) return void (again = true);
    looking = true;
    again = false;
    try {
      const member = deps.member();
      if (member !== null && running.size < AT_ONCE) {
        const ours = textArray([...running]);
        for (const call of await claimCalls(database.ask, member, ours, AT_ONCE - running.size)) {
          lastCallAt = clock.monotonic();
          running.add(call.id);
          void carryOut(member, call).finally(() => {
            running.delete(call.id);
            if (running.size === AT_ONCE - 1) void look();
          });
        }
        if (clock.monotonic() - sweptAt > SWEEP_MS) await sweep();
      }
    } catch (error) {
      if (!(error instanceof DatabaseAway)) log.error("cannot look for what other boxes ask", { error });
    } finally {
      looking = false;
    }
    if (again) return await look();
    plan();
  };

  const plan = (): void => {
    timer?.cancel();
    const lively = clock.monotonic() - lastCallAt < LIVELY_FOR_MS;
    if (!stopped) timer = clock.setTimer(hints.heard ? HINTED_MS : lively ? LIVELY_MS : CALM_MS, () => void look());
  };

  const carryOut = async (member: Member, call: ClaimedCall): Promise<void> => {
    try {
      const answer = await answerOf(call);
      if (answer === null || stopped) return;
      const write = (): Promise<void> =>
        writeAnswer(database, call, member.session, answer, (ask) => hint(ask, channelOf(deps.schema, call.asker)));
      if (answer.body.length <= PART_BYTES) return await write();
      const turn = largeOnes.then(write);
      largeOnes = turn.catch(() => undefined); // told to whoever waits for it, below
      await turn;
    } catch (error) {
      // It stays claimed, and is looked at again: what was done is stored here, and only its answer is missing there.
      if (!(error instanceof DatabaseAway)) log.error("cannot answer another box", { call: call.id, error });
    }
  };

  const answerOf = async (call: ClaimedCall): Promise<CallAnswer | null> => {
    const known = findCall(store, call.id);
    if (known?.state === "done") return storedAnswer(known.status, known.answer);
    if (known?.state === "left")
      return await answered(
        errorAnswer(
          new HarnessError(
            "OUTCOME_UNKNOWN",
            "the box was restarted between the deed and its answer: look at what there is before asking again",
          ),
        ),
      );
    const sealed = await readBody(database.ask, call.id);
    if (sealed === null) return null;
    const request = await opened(sealed);
    const changes = request.method !== "GET";
    if (changes) store.transact(() => beginCall(store, call.id, sha256(sealed).toString("hex")));
    log.info("another box asks", { call: call.id, via: call.createdBy, method: call.method, path: call.path });
    const witness: Witness = {
      done: (made) => finishCall(store, call.id, made),
      left: () => callLeft(store, call.id),
    };
    const answer = await answered(await deps.app.fetch(requestOf(request, witness)));
    // Refusals and whatever else changed nothing: what changed something has stored its answer itself.
    if (changes && answer.status < 500)
      store.transact(() =>
        finishCall(store, call.id, { status: answer.status, answer: Buffer.from(answer.body).toString() }),
      );
    return answer;
  };

  const opened = async (sealed: Uint8Array): Promise<CallRequest> => {
    const request: unknown = JSON.parse(Buffer.from(await unseal(deps.privateKey, sealed)).toString());
    if (!isObject(request)) throw new Error("a call holds no request");
    const headers = isObject(request["headers"]) ? request["headers"] : {};
    return {
      method: String(request["method"]),
      path: String(request["path"]),
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      body: String(request["body"]),
    };
  };

  /** Rows of calls that the database no longer has are needed by nobody. */
  const sweep = async (): Promise<void> => {
    sweptAt = clock.monotonic();
    await sweepCalls(database.ask);
    for (let after = ""; !stopped;) {
      const page = callIds(store, after, 200);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last;
      const rows = await database.ask("SELECT id FROM ~calls WHERE id = ANY ($1::text[])", textArray(page));
      const there = new Set(rows.map((row) => textOf(row, "id")));
      const gone = page.filter((id) => !there.has(id) && !running.has(id));
      if (gone.length > 0) store.transact(() => gone.forEach((id) => forgetCall(store, id)));
    }
  };

  hints.onHint(() => void look());
  return {
    start: () => void (deps.accept && look()),
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

/** Its path is our own: the host of whoever asked first says nothing here. */
function requestOf({ method, path, headers, body }: CallRequest, witness: Witness): Request {
  const bytes = Buffer.from(body, "base64");
  const request = new Request(`http://localhost${path}`, {
    method,
    headers,
    ...(method === "GET" || bytes.length === 0 ? {} : { body: bytes }),
  });
  return witnessed(request, witness);
}

const KEPT_HEADERS = [
  "content-type",
  "x-event-cursor",
  "idempotency-replayed",
  "agent-survivors",
  "allow",
  "retry-after",
];

async function answered(response: Response): Promise<CallAnswer> {
  const body = await response.bytes();
  const headers = Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  if (body.length <= ANSWER_BYTES) return { status: response.status, headers, body };
  return await answered(
    errorAnswer(
      new HarnessError(
        "TOO_LARGE",
        `the answer has ${body.length} bytes, between boxes there are at most ${ANSWER_BYTES}: ask for a smaller page`,
      ),
    ),
  );
}

function storedAnswer(status: number, text: string): CallAnswer {
  const headers: Record<string, string> = text === "" ? {} : { "content-type": "application/json;charset=utf-8" };
  return { status, headers, body: Buffer.from(text === "" || text.endsWith("\n") ? text : `${text}\n`) };
}
