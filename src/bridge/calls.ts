/**
 * Does what the core wants of the server, and brings the answer back. One call after the other in each of two lanes.
 */
import type { Clock } from "../lib/clock.ts";
import { pause } from "../lib/wait.ts";
import type { Client, Reply } from "./client.ts";
import { isIdOf, isMessageId, messageIdAfter, messageIdOf } from "./message-id.ts";
import type { CoreAction, CoreInput } from "./core-io.ts";
import type { WireMessage } from "./wire.ts";
import { endsTurn } from "./verdict.ts";
import { addTotals, readMessages, readPermission, readQuestion, readStatuses, readTotals } from "./wire.ts";
import { isFields, text } from "../providers/read.ts";

export type Call = Exclude<CoreAction, { do: "tell" | "wake" }>;

export interface CallsOptions {
  readonly client: Client;
  readonly session: string;
  readonly model: { readonly providerID: string; readonly modelID: string } | null;
  readonly system: string | null;
  readonly clock: Clock;
  readonly onInput: (incoming: CoreInput) => void;
}

const POST_MS = 60_000;
const REPLIES = 5;

export function createCalls({ client, session, model, system, clock, onInput }: CallsOptions): (call: Call) => void {
  // What changes something goes out in its order; questions do not wait for it, nor it for them.
  let writes: Promise<void> = Promise.resolve();
  let reads: Promise<void> = Promise.resolve();
  const path = `/session/${session}`;

  async function perform(call: Call): Promise<CoreInput | null> {
    switch (call.do) {
      case "look_up":
        return lookUp(call.key, call.writtenAtMs);
      case "post": {
        const body = {
          messageID: call.id,
          parts: [{ type: "text", text: call.text }, ...call.files.map((file) => ({ type: "file", ...file }))],
          ...(model === null ? {} : { model }),
          ...(system === null ? {} : { system }),
        };
        const reply = await client.post(`${path}/prompt_async`, body, POST_MS);
        if (reply.ok) return { h: "posted", key: call.key, result: "ok", message: "" };
        return {
          h: "posted",
          key: call.key,
          result: reply.status >= 400 && reply.status < 500 ? "refused" : "unreachable",
          message: reply.message,
        };
      }
      case "reply": {
        const { body } = call;
        const reply =
          body.cmd === "permission"
            ? await insist(() =>
                client.post(`/permission/${body.id}/reply`, {
                  reply: body.reply,
                  ...(body.message === null ? {} : { message: body.message }),
                }),
              )
            : await insist(() => client.post(`/question/${body.id}/reply`, { answers: body.answers }));
        return { h: "replied", id: call.id, result: reply.ok ? "ok" : reply.status === 404 ? "gone" : "unreachable" };
      }
      case "dismiss": {
        const { id, request } = call.ask;
        if (request.kind === "permission") await client.post(`/permission/${id}/reply`, { reply: "reject" });
        else await client.post(`/question/${id}/reject`);
        return null;
      }
      case "abort":
        await client.post(`${path}/abort`);
        return null;
      case "read_truth":
        return readTruth();
      case "read_turn":
        return readTurn(call.anchor);
    }
  }

  async function insist(attempt: () => Promise<Reply>): Promise<Reply> {
    for (let n = 1; ; n += 1) {
      const reply = await attempt();
      if (reply.ok || reply.status === 404 || n >= REPLIES) return reply;
      await pause(clock, 200 * n);
    }
  }

  /** Until the server has answered: an input is neither dropped nor sent twice because a call failed. */
  async function lookUp(key: string, writtenAtMs: number): Promise<CoreInput> {
    for (let n = 1; ; n += 1) {
      const newest = await messages(1);
      const last = newest?.at(-1)?.info.id;
      const id = messageIdOf(key, writtenAtMs);
      if (newest !== null && (last === undefined || last < id)) return { h: "looked_up", key, stored: false, id };
      const all = newest === null ? null : await messages(null);
      if (all !== null) {
        const stored = all.find(({ info }) => info.role === "user" && isIdOf(info.id, key))?.info.id;
        if (stored !== undefined) return { h: "looked_up", key, stored: true, id: stored };
        return {
          h: "looked_up",
          key,
          stored: false,
          id: last !== undefined && isMessageId(last) ? messageIdAfter(last, key) : id,
        };
      }
      await pause(clock, Math.min(5000, 200 * n));
    }
  }

  async function messages(limit: number | null): Promise<readonly WireMessage[] | null> {
    const reply = await client.get(`${path}/message`, limit === null ? {} : { limit: String(limit) });
    return reply.ok ? readMessages(reply.value) : null;
  }

  async function readTruth(): Promise<CoreInput> {
    const [statuses, permissions, questions] = await Promise.all([
      client.get("/session/status"),
      client.get("/permission"),
      client.get("/question"),
    ]);
    if (!statuses.ok || !permissions.ok || !questions.ok) return { h: "read_failed" };
    const asks = [
      ...(Array.isArray(permissions.value) ? permissions.value.filter(isFields).map(readPermission) : []),
      ...(Array.isArray(questions.value) ? questions.value.filter(isFields).map(readQuestion) : []),
    ];
    return { h: "truth", truth: { statuses: readStatuses(statuses.value, clock.now()), asks } };
  }

  /**
   * The status first: what is stored when it is idle is all there will be, but for the completing of a failed message.
   * The newest messages are those with the highest ids. When the clock was set back, what is made now stands before all
   * that was made then: so the end of the turn must be among them, or there may be more of it.
   */
  async function readTurn(anchor: string): Promise<CoreInput> {
    const statuses = await client.get("/session/status");
    if (!statuses.ok) return { h: "read_failed" };
    let found: readonly WireMessage[] | null = null;
    for (const limit of [20, 200, null]) {
      found = await messages(limit);
      if (found === null) return { h: "read_failed" };
      const ended = found.some(({ info }) => info.id <= anchor) && found.some(({ info }) => endsTurn(info, anchor));
      if (limit === null || found.length < limit || ended) break;
    }
    const [own, children] = await Promise.all([client.get(path), client.get(`${path}/children`)]);
    // Without the sub-agents they would seem to have fallen.
    const whole = own.ok && children.ok && Array.isArray(children.value);
    return {
      h: "turn_read",
      truth: {
        status: readStatuses(statuses.value, clock.now()).get(session) ?? { type: "idle" },
        messages: found ?? [],
        totals: whole ? addTotals([own.value, ...children.value].map(readTotals)) : null,
      },
    };
  }

  return (call) => {
    const reading = call.do === "read_truth" || call.do === "read_turn";
    const done = (reading ? reads : writes).then(async () => {
      const incoming = await perform(call);
      if (incoming !== null) onInput(incoming);
    });
    if (reading) reads = done;
    else writes = done;
  };
}

/** What a conversation looks like when the bridge comes to it. */
export interface Opened {
  readonly session: string;
  readonly newest: string;
}

/** The conversation to go on with, or a new one. A string tells why not. */
export async function openSession(
  client: Client,
  session: string | null,
  title: string,
): Promise<Opened | { readonly code: string; readonly message: string }> {
  if (session === null) {
    // With a plugin file in the configuration the first session waits for a package to be installed.
    const reply = await client.post("/session", { title }, 50_000);
    if (!reply.ok) return { code: "START_REFUSED", message: `OpenCode opened no session: ${reply.message}` };
    return { session: isFields(reply.value) ? text(reply.value, "id") : "", newest: "" };
  }
  const reply = await client.get(`/session/${session}`, {}, 50_000);
  if (!reply.ok) {
    return {
      code: "RESUME_REFUSED",
      message: `OpenCode does not have the conversation ${session} any more (${reply.message}): was its data folder changed?`,
    };
  }
  const messages = await client.get(`/session/${session}/message`, { limit: "1" });
  return { session, newest: messages.ok ? (readMessages(messages.value).at(-1)?.info.id ?? "") : "" };
}
