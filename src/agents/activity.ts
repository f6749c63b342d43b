/**
 * What an agent does right now, in one line of at most 160 characters, made of what it said. Memory only: a list and a
 * live event show it, nothing hangs on it.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import { excerpt, oneLine } from "../lib/text.ts";
import type { Agent } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import { lastText } from "../store/messages.ts";
import type { Activity } from "../words/agent.ts";
import type { MessageRole, Part } from "../words/said.ts";

export type Doing = Omit<Activity, "at">;

/** Of what it is made: a part of a message, a question, or the beginning of the last answer when a turn is over. */
export type Seen =
  Part | { readonly type: "permission"; readonly title: string } | { readonly type: "answer"; readonly text: string };

const MAX_CHARS = 160;
/** So much of a text is looked at for its last sentence, or its first line. */
const LOOKED_AT_CHARS = 500;
/** What a tool works on, by the names that programs give it. */
const MAIN_ARGUMENTS = ["command", "cmd", "file_path", "filePath", "path", "pattern", "query", "url", "description"];

/** false: a part that shows no new work (an empty text, a tool's result, what a person said). */
export function isDoing(part: Part, role: MessageRole): boolean {
  if (part.type === "tool_use") return true;
  return role === "assistant" && part.type !== "tool_result" && part.text !== "";
}

export function doingOf(seen: Seen): Doing {
  switch (seen.type) {
    case "text":
      return doing("text", lastSentence(seen.text));
    case "thinking":
      return doing("thinking", firstLine(seen.text));
    case "tool_use": {
      const argument = mainArgument(seen.input);
      return doing("tool", argument === "" ? seen.name : `${seen.name}: ${argument}`);
    }
    case "tool_result":
      return doing("tool", firstLine(seen.text));
    case "permission":
      return doing("permission", seen.title);
    case "answer":
      return doing("answer", firstLine(seen.text));
  }
}

const doing = (kind: Doing["kind"], text: string): Doing => ({
  kind,
  text: excerpt(oneLine(text.slice(0, LOOKED_AT_CHARS)), MAX_CHARS),
});

function mainArgument(input: unknown): string {
  if (typeof input === "string") return input.slice(0, LOOKED_AT_CHARS);
  if (typeof input !== "object" || input === null || Array.isArray(input)) return "";
  const texts = new Map(
    Object.entries(input).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
  const name = MAIN_ARGUMENTS.find((each) => texts.has(each)) ?? [...texts.keys()][0];
  return name === undefined ? "" : (texts.get(name) ?? "").slice(0, LOOKED_AT_CHARS);
}

function firstLine(text: string): string {
  const head = text.slice(0, LOOKED_AT_CHARS).trim();
  return head.split("\n", 1)[0] ?? "";
}

function lastSentence(text: string): string {
  const tail = text.slice(-LOOKED_AT_CHARS).trim();
  const line = tail.slice(tail.lastIndexOf("\n") + 1);
  const end = Math.max(...[". ", "! ", "? "].map((mark) => line.lastIndexOf(mark)));
  return line.slice(end === -1 ? 0 : end + 2);
}

const PAUSE_MS = 1000;

export interface Teller {
  tell(activity: Activity): void;
  close(): void;
}

/** At most one a second, and always the newest. */
export function createTeller(clock: Clock, emit: (activity: Activity) => void): Teller {
  let quietUntil = -Infinity;
  let timer: Timer | null = null;
  let newest: Activity | null = null;
  const say = (): void => {
    timer = null;
    if (newest === null) return;
    quietUntil = clock.monotonic() + PAUSE_MS;
    emit(newest);
    newest = null;
  };
  return {
    tell(activity) {
      newest = activity;
      const wait = quietUntil - clock.monotonic();
      if (wait <= 0) say();
      else timer ??= clock.setTimer(wait, say);
    },
    close() {
      timer?.cancel();
      timer = null;
      newest = null;
    },
  };
}

/** What it did before this daemon: its last words. */
export function earlierActivity(store: Store, { id, state }: Agent): Activity | null {
  const last = state.turns === 0 ? null : lastText(store, id);
  return last === null ? null : { ...doingOf(last), at: last.at };
}
