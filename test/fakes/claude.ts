/**
 * A fake Claude Code: `bun test/fakes/claude.ts -p --input-format stream-json …`. Arguments, stdin and the session
 * file; the turns run by the script engine, their frames are in claude-wire.ts. FAKE_CLAUDE_VERSION makes it an older
 * one.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { shownData } from "./pictures.ts";
import { readPath, ruleText } from "./claude-rules.ts";
import { claudeWire, type Session } from "./claude-wire.ts";
import { createHistory, createOut } from "./out.ts";
import { calledResult } from "./results.ts";
import { createEngine } from "./script.ts";

/** `done` once the turn ended: only such an input is known as a duplicate; one that was cut by a kill runs again. */
interface Remembered {
  readonly uuid: string;
  readonly done: boolean;
  readonly answers?: number;
}

const args = process.argv.slice(2);
const env = process.env;
const version = env["FAKE_CLAUDE_VERSION"] ?? "2.1.330";
const build = Number(version.split(".")[2]);
const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);

if (args.includes("--version")) {
  process.stdout.write(`${version} (Claude Code)\n`);
  process.exit(0);
}

const out = createOut();
const systemPrompt = option("--append-system-prompt-file");
if (systemPrompt !== undefined && !existsSync(systemPrompt)) {
  process.stderr.write(`Error: Append system prompt file not found: ${systemPrompt}\n`);
  process.exit(1);
}
const mode = option("--permission-mode") ?? "default";
if (mode === "bypassPermissions" && process.getuid?.() === 0 && env["IS_SANDBOX"] !== "1") {
  failStart("--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons", {
    startup_failure_reason: "bypass_root",
  });
}
const resumed = option("--resume");
const session: Session = {
  id: resumed ?? option("--session-id") ?? crypto.randomUUID(),
  mode,
  state: "idle",
  model: option("--model") ?? "claude-fake",
  cwd: process.cwd(),
  rules: new Set(),
  pending: new Map(),
  answers: 0,
  own: 0,
  maxUsd: option("--max-budget-usd") === undefined ? null : Number(option("--max-budget-usd")),
  turns: 0,
};
if (resumed !== undefined && !existsSync(sessionFile(resumed)))
  failStart(`No conversation found with session ID: ${resumed}`, {});
if (resumed === undefined && existsSync(sessionFile(session.id))) {
  process.stderr.write(`Error: Session ID ${session.id} is already in use.\n`);
  process.exit(1);
}

const seen = new Set<string>();
const doneBefore = new Set(
  history()
    .read()
    .filter((entry) => entry.done)
    .map((entry) => entry.uuid),
);
// The totals go on from where the session was saved.
session.turns = doneBefore.size;
session.answers = Math.max(
  0,
  ...history()
    .read()
    .map(({ answers = 0 }) => answers),
);
const wire = claudeWire(
  out,
  session,
  {
    partial: args.includes("--include-partial-messages"),
    version,
    stateEvents: env["CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS"] === "1",
    asks: option("--permission-prompt-tool") === "stdio",
  },
  (turn) => {
    if (turn.key !== null) history().append({ uuid: turn.key, done: true, answers: session.answers });
  },
);
const engine = createEngine(wire);
let running: Promise<void> = Promise.resolve();
let leaving = false;

process.on("SIGTERM", () => {
  saveTotals();
  process.exit(143);
});
await readStdin();
await running; // End of stdin: the running turn is finished first.
process.exit(0);

function sessionFile(id: string): string {
  const root = env["FAKE_HISTORY"] ?? join(env["CLAUDE_CONFIG_DIR"] ?? join(env["HOME"] ?? "/", ".claude"), "projects");
  return join(root, process.cwd().replace(/[^A-Za-z0-9]/g, "-"), `${id}.jsonl`);
}

function history() {
  return createHistory<Remembered>(sessionFile(session.id));
}

/** An end that is not a kill saves what was used, also in the middle of a turn. */
function saveTotals(): void {
  if (existsSync(sessionFile(session.id))) history().append({ uuid: "", done: false, answers: session.answers });
}

function failStart(reason: string, rest: Record<string, unknown>): never {
  const frame = {
    type: "result",
    subtype: "error_during_execution",
    is_error: true,
    num_turns: 0,
    stop_reason: null,
    errors: [reason],
    ...rest,
  };
  if (env["CLAUDE_CODE_STARTUP_FAILURE_RESULTS"] === "1" || rest["startup_failure_reason"] === undefined)
    out.line(frame);
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

async function readStdin(): Promise<void> {
  let carried = "";
  const decoder = new TextDecoder();
  for await (const bytes of process.stdin) {
    carried += decoder.decode(bytes, { stream: true });
    const lines = carried.split("\n");
    carried = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() !== "") takeLine(line);
    }
  }
}

function takeLine(line: string): void {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    process.stderr.write(`Error parsing streaming input line: ${line.slice(0, 80)}\n`);
    process.exit(1);
  }
  switch (readPath(message, "type")) {
    case "user":
      return takeInput(message);
    case "control_request":
      return takeControl(String(readPath(message, "request_id")), readPath(message, "request"));
    case "control_response": {
      const id = String(readPath(message, "response", "request_id"));
      const response = readPath(message, "response", "response");
      // A late answer to a request that is settled finds nothing here, as with the real program.
      if (typeof response === "object" && response !== null) answer(id, Object.fromEntries(Object.entries(response)));
      return;
    }
    default: // keep_alive and unknown types are ignored.
  }
}

function blockText(block: unknown): string {
  return readPath(block, "type") === "image"
    ? shownData(readPath(block, "source", "media_type"), readPath(block, "source", "data"))
    : String(readPath(block, "text"));
}

function takeInput(message: unknown): void {
  const content = readPath(message, "message", "content");
  const text = Array.isArray(content) ? content.map(blockText).join("") : String(content);
  const uuid = readPath(message, "uuid");
  const key = typeof uuid === "string" ? uuid : null;
  if (key !== null && (seen.has(key) || doneBefore.has(key))) {
    if (!seen.has(key)) wire.lifecycle(key, "completed");
    // An extra `idle` without a turn; while a turn runs, its own `idle` is the only one.
    if (!engine.busy) wire.state("idle");
    return;
  }
  if (!engine.busy && session.state === "idle") wire.state("running");
  if (key !== null) {
    seen.add(key);
    mkdirSync(dirname(sessionFile(session.id)), { recursive: true });
    history().append({ uuid: key, done: false });
    wire.lifecycle(key, "queued");
  }
  if (text === "/clear" && readPath(message, "client_composed") !== true) return clear(key);
  running = engine.prompt(calledResult(text, option("--json-schema")), key);
}

/** The one local command of the fake: the conversation gets a new id, and no model is asked. */
function clear(key: string | null): void {
  session.id = crypto.randomUUID();
  mkdirSync(dirname(sessionFile(session.id)), { recursive: true });
  if (key !== null) wire.lifecycle(key, "started");
  // The trap: this id is another one than that of the lines which follow, and cannot be resumed.
  out.line({ type: "conversation_reset", new_conversation_id: crypto.randomUUID(), trigger: "clear" });
  wire.localResult("clear");
  if (key !== null) history().append({ uuid: key, done: true });
  if (key !== null) wire.lifecycle(key, "completed");
  wire.state("idle");
}

function answer(id: string, response: Record<string, unknown>): void {
  const updates = response["updatedPermissions"];
  for (const update of Array.isArray(updates) ? updates : []) {
    if (readPath(update, "type") === "addRules") {
      const rules = readPath(update, "rules");
      for (const rule of Array.isArray(rules) ? rules : []) session.rules.add(ruleText(rule));
    }
    if (readPath(update, "destination") !== "session")
      process.stderr.write(`a settings file would be written: ${JSON.stringify(update)}\n`);
  }
  session.pending.get(id)?.settle(response);
}

function takeControl(id: string, request: unknown): void {
  const reply = (response?: Record<string, unknown>, rest: Record<string, unknown> | false = {}) =>
    out.line({
      type: "control_response",
      response: {
        subtype: "success",
        request_id: id,
        ...(response === undefined ? {} : { response }),
        ...(rest === false ? {} : rest),
      },
    });
  switch (readPath(request, "subtype")) {
    case "initialize":
      if (version === "2.1.197") return reply({ commands: [], models: [], pid: process.pid });
      return reply(
        {
          commands: [],
          models: [],
          pid: process.pid,
          // Only from 2.1.296 on.
          ...(build < 296 ? {} : { claude_code_version: version }),
          current_permission_mode: session.mode,
          session_state: session.state,
        },
        // Only from 2.1.268 on.
        build >= 268 && {
          pending_permission_requests: [...session.pending].map(([request_id, { request: asked }]) => ({
            type: "control_request",
            request_id,
            request: asked,
          })),
        },
      );
    case "interrupt":
      reply({ still_queued: [], ...(readPath(request, "cancel_queued") === true ? { cancelled: [] } : {}) });
      engine.interrupt();
      return;
    case "apply_flag_settings": {
      const allow = readPath(request, "settings", "permissions", "allow");
      for (const rule of Array.isArray(allow) ? allow : []) session.rules.add(String(rule));
      return reply();
    }
    case "set_permission_mode":
      session.mode = String(readPath(request, "mode"));
      return reply({ mode: session.mode });
    case "set_model":
      return reply();
    case "end_session":
      if (leaving) return;
      leaving = true;
      reply();
      if (!engine.interrupt()) process.exit(0);
      void running.then(() => process.exit(1)); // In a turn: that ends first, with its result and idle.
      return;
    default: {
      const error = {
        subtype: "error",
        request_id: id,
        error: "Unsupported control request subtype",
        error_code: "unsupported_request",
      };
      out.line({ type: "control_response", response: error });
    }
  }
}
