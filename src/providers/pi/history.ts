/**
 * Did an input that was written, but never confirmed, reach Pi? Its session knows: first all user texts are asked for
 * (short), then only the entries since the one before the first candidate. The whole session in one line could be
 * longer than a line may be.
 *
 * The text alone proves nothing, people say "go on" twice. An entry counts when it is not older than the writing of the
 * input; both times come from the clock of this machine. That may be set meanwhile, so an input was also there when Pi
 * knows its words more often than we had sent them before.
 *
 * Only a new process is asked. While one process lives, the daemon knows whether the line went out, and Pi's frames
 * tell the rest.
 */
import type { PromptInput } from "../../words/said.ts";
import type { Draft, HistoryCheck } from "./state.ts";
import { command } from "./state.ts";
import type { PiFrame } from "./wire.ts";
import { contentText } from "./wire.ts";
import { type Fields, fields, idOf, isFields, list, number, text } from "../read.ts";
import { patch, say } from "../draft.ts";
import { given } from "../../lib/given.ts";

type Response = Extract<PiFrame, { kind: "response" }>;
type Input = HistoryCheck["inputs"][number];

/** A clock set back by a moment must not make an input look absent: running it twice is worse than calling it lost. */
const CLOCK_SLACK_MS = 1000;

const USERS = "history-users";
const ENTRIES = "history-entries";

/** Pi expands what begins with a slash; a leading space is the only thing that keeps it from doing so. */
export function wireText({ text: words, raw }: { readonly text: string; readonly raw: boolean }): string {
  return raw && words.startsWith("/") ? ` ${words}` : words;
}

export function pendingCheck(unconfirmed: readonly PromptInput[]): HistoryCheck | null {
  if (unconfirmed.length === 0) return null;
  return {
    stage: "handshake",
    inputs: unconfirmed.map(({ key, text: words, raw, writtenAtMs, sameBefore }) => ({
      ...{ key, text: words, raw, writtenAtMs },
      ...given({ sameBefore }),
    })),
  };
}

/** Begins with the first question, also again after a new daemon took over: an answer that comes twice is ignored. */
export function askHistory(work: Draft): void {
  const { history } = work.state;
  if (history === null) return;
  patch(work, { history: { ...history, stage: "users" } });
  command(work, { id: USERS, type: "get_fork_messages" });
}

/** Takes the answers to our own questions; false when this response is none of them. */
export function onHistoryResponse(work: Draft, frame: Response): boolean {
  const { history } = work.state;
  if (frame.id !== USERS && frame.id !== ENTRIES) return false;
  if (history === null) return true;
  if (!frame.ok) {
    patch(work, { history: null });
    // Neither present nor absent can be shown: the turn is lost, only the user may send the input again.
    for (const { key } of history.inputs) {
      say(work, {
        type: "input_unknown",
        key,
        message: `Pi did not tell its history (${frame.error}): the input may have been run`,
      });
    }
    return true;
  }
  if (frame.id === USERS && history.stage === "users") onUsers(work, history, list(frame.result, "messages"));
  else if (frame.id === ENTRIES && history.stage === "entries") onEntries(work, history, list(frame.result, "entries"));
  return true;
}

function onUsers(work: Draft, history: HistoryCheck, messages: readonly unknown[]): void {
  const users = messages
    .filter(isFields)
    .map((message) => ({ id: idOf(message, "entryId"), text: text(message, "text") }));
  const isOneMore = ({ sameBefore = Infinity, ...input }: Input): boolean =>
    users.filter((user) => user.text === wireText(input)).length > sameBefore;
  for (const { key } of history.inputs.filter(isOneMore)) say(work, { type: "input_accepted", key });
  const inputs = history.inputs.filter((input) => !isOneMore(input));
  const first = users.findIndex((user, at) =>
    inputs.some((input) => couldBe(input, user.text, at === users.length - 1)),
  );
  if (first === -1) return settle(work, { ...history, inputs }, () => false);
  patch(work, { history: { inputs, stage: "entries" } });
  const before = users[first - 1];
  command(work, { id: ENTRIES, type: "get_entries", ...(before === undefined ? {} : { since: before.id }) });
}

function onEntries(work: Draft, history: HistoryCheck, entries: readonly unknown[]): void {
  const users = entries.filter(isFields).flatMap(readUser);
  settle(work, history, (input) =>
    users.some(
      (user, at) =>
        user.atMs >= input.writtenAtMs - CLOCK_SLACK_MS && couldBe(input, user.text, at === users.length - 1),
    ),
  );
}

function readUser(entry: Fields): { readonly text: string; readonly atMs: number }[] {
  const message = fields(entry, "message");
  if (entry["type"] !== "message" || message["role"] !== "user") return [];
  return [{ text: contentText(message["content"]), atMs: number(message, "timestamp") }];
}

/** A command is stored as what it was expanded to: then only the place, the last, can speak for it. */
function couldBe(input: Input, words: string, isLast: boolean): boolean {
  if (words === wireText(input)) return true;
  return isLast && !input.raw && input.text.startsWith("/");
}

function settle(work: Draft, history: HistoryCheck, present: (input: Input) => boolean): void {
  patch(work, { history: null });
  for (const input of history.inputs) {
    say(work, { type: present(input) ? "input_accepted" : "input_absent", key: input.key });
  }
}
