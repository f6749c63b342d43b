/**
 * The README's table of what each provider can do. A "yes" names the test that shows it with the real program; the case
 * of the provider suite shows it with every fake. test/unit/readme.test.ts looks for both, and compares with
 * abilities.ts.
 */
import type { ProviderKind } from "../../src/words/kinds.ts";
import type { Abilities } from "./abilities.ts";

/** The columns. */
export const KINDS: readonly ProviderKind[] = ["claude-code", "codex", "opencode", "pi", "acp", "command"];

/**
 * The live tests of a kind: `live/NAME-*.test.ts`. For `acp` the real program is Gemini CLI, for `command` the shell.
 */
export const LIVE_NAMES: Readonly<Record<ProviderKind, string>> = {
  "claude-code": "claude",
  codex: "codex",
  opencode: "opencode",
  pi: "pi",
  acp: "gemini",
  command: "command",
};

export interface Capability {
  readonly label: string;
  /** What must be true of the abilities of a kind for which the table says yes. */
  readonly has: (can: Abilities) => boolean;
  /** Name of the provider suite's case. */
  readonly suite: string;
  /** Name of the live test of each kind that says yes. */
  readonly live: Readonly<Partial<Record<ProviderKind, string>>>;
  /** What the table says instead of "no". */
  readonly instead?: Readonly<Partial<Record<ProviderKind, string>>>;
}

const talks = ({ oneshot }: Abilities): boolean => oneshot !== true;

export const CAPABILITIES: readonly Capability[] = [
  {
    label: "goes on with the conversation in a new process",
    has: talks,
    suite: "stopped on request: idle and stopped, and the next input resumes",
    live: {
      "claude-code": "killed in a turn, then resumed: the history is there, and nothing runs by itself",
      codex: "SIGTERM ends it, and the conversation is resumed",
      opencode: "goes on with the conversation in a new process, under a system prompt and a chosen model",
      pi: "a new process goes on with the conversation, its costs, and knows which inputs it had",
      acp: "goes on in a new process after kill -9 in the middle of a turn, and its replay is no message",
    },
    instead: { command: "no conversation" },
  },
  {
    label: "a turn outlives the daemon",
    has: () => true,
    suite: "the daemon is restarted in the middle of a turn: nothing is lost and nothing comes twice",
    live: {
      "claude-code": "kill -9 of the daemon in the middle of a stream: the answer is whole, once",
      codex: "kill -9 of the daemon in the middle of a stream: the answer is whole, once",
      opencode: "kill -9 of the daemon in the middle of a stream: the answer is whole, once",
      pi: "kill -9 of the daemon in the middle of a stream: the answer is whole, once",
      acp: "kill -9 of the daemon in the middle of a stream: the answer is whole, once",
      command: "the daemon is killed in the middle of its work: the answer is whole, once",
    },
  },
  {
    label: "a turn can be aborted",
    has: () => true,
    suite: "interrupted in the middle of a text: idle, and the next input works",
    live: {
      "claude-code": "an interrupt in a text keeps the part that was said, and the conversation",
      codex: "ends a text, keeps the conversation",
      opencode: "interrupted in a text, in a tool, and while asking: the next turn is clean",
      pi: "is interrupted in a text, in a tool, while asking, and at once after the prompt",
      acp: "an interrupt in the middle of a text keeps what was said",
      command: "aborted: its whole process tree ends, and the next input works",
    },
  },
  {
    label: "200 KB of input, byte for byte",
    has: () => true,
    suite: "200 KB of unicode goes in and comes back",
    live: {
      "claude-code": "2 MB of unicode arrive byte for byte",
      codex: "takes 200 KB of unicode intact",
      opencode: "takes 200 KB of unicode in and gives it back",
      pi: "takes 200 KB of unicode whole, and a slash verbatim when it is raw",
      acp: "200 KB of unicode arrive and come back whole",
      command: "2 MB of unicode go in and come back",
    },
  },
  {
    label: "asks before it acts",
    has: ({ permissions }) => permissions,
    suite: "permission allowed: the agent waits, the tool runs, the turn completes",
    live: {
      "claude-code":
        "a permission is allowed, another denied; what is allowed for good holds over a resume, in no file",
      codex: "every command is asked for; allowed it runs, denied it does not",
      opencode: "asks before a command runs: allowed it runs, denied the model is told and goes on",
      pi: "asks before a tool that changes things: allow, deny with its reason, allow always over a new process",
      acp: "a permission that is allowed lets the tool run",
    },
  },
  {
    label: "`allow_always` holds for the agent's life",
    has: ({ allowAlways }) => allowAlways,
    suite: "allow_always is one answer for the agent's life",
    live: {
      "claude-code":
        "a permission is allowed, another denied; what is allowed for good holds over a resume, in no file",
      codex: "allow_always is not asked again, nor after a resume in a new process",
      opencode: "allow_always holds for the process, and again after a resume",
      pi: "asks before a tool that changes things: allow, deny with its reason, allow always over a new process",
    },
    instead: { acp: "until its process ends" },
  },
  {
    label: "asks a person questions",
    has: ({ questions }) => questions,
    suite: "a question to the person gets its answer",
    live: {
      "claude-code": "a question and a plan are answered",
      codex: "a question of the model comes with its choices and takes an answer",
      opencode: "a question to the person gets its answer, or a refusal in words, and the turn goes on",
      pi: "lets the model ask the user",
    },
  },
  {
    label: "tool calls and their results in the messages",
    has: ({ tools }) => tools,
    suite: "a tool call and a failed tool are parts of the record, the last text is the answer",
    live: {
      "claude-code":
        "a permission is allowed, another denied; what is allowed for good holds over a resume, in no file",
      codex: "runs a tool, and says its output and failure",
      opencode: "asks before a command runs: allowed it runs, denied the model is told and goes on",
      pi: "runs a tool without asking when permissions are allow, and a reading tool when they are ask",
      acp: "a harmless tool runs unasked; use, result and last text are told once each",
    },
  },
  {
    label: "retries of the model call are shown",
    has: ({ retries }) => retries,
    suite: "retries are shown while it is still processing, and recovery is a completed turn",
    live: {
      "claude-code": "529 is retried and recovers; 401 fails with its code though the frame says success",
      codex: "500 then recovery is a completed turn",
      opencode: "500 is retried visibly and recovers; a dropped connection leaves no half text behind",
      pi: "tells a wrong key as failed, and recovers from a 500",
    },
  },
  {
    label: "sub-agents, told apart from the agent",
    has: ({ subagents }) => subagents,
    suite: "a sub-agent that ends after its parent's last text never makes the agent idle too early",
    live: {
      "claude-code": "a sub-agent in the background does not end the turn early, and its words are its own",
      opencode: "a sub-agent's permission is asked, answered and marked; its words are not the agent's",
    },
    instead: { codex: "switched off" },
  },
  {
    label: "turns that begin by themselves",
    has: ({ ownTurns }) => ownTurns,
    suite: "a turn that starts by itself is followed and has the origin agent",
    live: { "claude-code": "a command in the background: idle at once, and a turn of its own when it is done" },
    instead: { codex: "switched off", opencode: "switched off", pi: "only by extensions" },
  },
  {
    label: "tells the tokens it used",
    has: ({ tokens }) => tokens,
    suite: "the tokens that were used are told",
    live: {
      "claude-code": "two turns, exact texts in and out, usage, and a graceful end",
      codex: "is confirmed, streamed, said whole and ended once; no frame is unknown",
      opencode: "answers two turns with the exact text, tells deltas and cost, and asks the model for no title",
      pi: "answers two turns and tells their cost",
      acp: "answers a turn with whole messages and figures",
    },
  },
  {
    label: "tells what it cost",
    has: ({ cost }) => cost,
    suite: "the cost is told",
    live: {
      "claude-code": "two turns, exact texts in and out, usage, and a graceful end",
      opencode: "answers two turns with the exact text, tells deltas and cost, and asks the model for no title",
      pi: "answers two turns and tells their cost",
    },
    instead: { acp: "where the agent tells it" },
  },
  {
    label: "an unconfirmed input is run exactly once",
    has: ({ redelivers }) => redelivers,
    suite: "an input that nobody confirmed before the program was killed is run once, by the next process",
    live: {
      "claude-code": "a uuid runs once: twice in one process, and again after a resume",
      codex: "after a SIGKILL its history decides about the inputs",
      opencode: "the same input sent twice runs once, in the same process and in the next one",
      pi: "a new process goes on with the conversation, its costs, and knows which inputs it had",
    },
    instead: { acp: "at most once", command: "at most once" },
  },
];

/** Rows of the README's table. */
export function capabilityRows(): readonly { readonly label: string; readonly cells: readonly string[] }[] {
  return CAPABILITIES.map(({ label, live, instead }) => ({
    label,
    cells: KINDS.map((kind) => (live[kind] === undefined ? (instead?.[kind] ?? "no") : "yes")),
  }));
}
