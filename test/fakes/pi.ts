#!/usr/bin/env bun
/**
 * A fake `pi --mode rpc` with Pi's shapes and traps. It loads our real extension when it is given with `-e`, so asking
 * goes the way it goes in Pi: handler, dialog, answer. The session file lies in `--session-dir`, or is FAKE_HISTORY.
 *
 * FAKE_PI: "0.87" (default), "1.5" (tells dispositions and aborts), "0.74" (too old). FAKE_PI_NO_KEY: no credentials.
 * Traps that the script language has no word for are tools: `trap:overflow` `trap:queued` `trap:error` `trap:mcp`.
 * Prompts: `/handled` is a command of an extension, `/expand X` a template. A line that is `null` kills it, as it does
 * Pi.
 */
import { shownData } from "./pictures.ts";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createHistory, createOut } from "./out.ts";
import { createExtensionHost } from "./pi-host.ts";
import { createPiWire, type HistoryRecord, totalsOf } from "./pi-wire.ts";
import { createEngine } from "./script.ts";

const argv = process.argv.slice(2);
const flavour = process.env["FAKE_PI"] ?? "0.87";
const option = (name: string) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined);

if (argv.includes("--version")) {
  console.log(`${flavour}.1`);
  process.exit(0);
}
const model = option("--model") ?? "fake/default";
if (model.startsWith("nobody/")) {
  console.error(`Error: Model "${model}" not found. Use --list-models to see available models.`);
  process.exit(1);
}
process.on("SIGTERM", () => process.exit(143));

const session = option("--session-id") ?? crypto.randomUUID();
const sessionFile = process.env["FAKE_HISTORY"] ?? join(option("--session-dir") ?? process.cwd(), `${session}.jsonl`);
mkdirSync(dirname(sessionFile), { recursive: true });
const history = createHistory<HistoryRecord>(sessionFile);
const out = createOut();
const extension = option("-e");
const host = await createExtensionHost(extension, (frame) => out.line(frame));
const pi = createPiWire({ out, history, host, modern: flavour === "1.5", settles: flavour !== "0.74" });
const engine = createEngine(pi.wire);

/** From the answer to a prompt until agent_start. What comes in here is answered with success and lost. */
let starting = false;

function respond(id: unknown, command: string, data?: object): void {
  out.line({ id, type: "response", command, success: true, ...(data === undefined ? {} : { data }) });
}

function refuse(id: unknown, command: string, error: string): void {
  out.line({ id, type: "response", command, success: false, error });
}

const readField = (of: unknown, key: string): unknown =>
  typeof of === "object" && of !== null ? new Map<string, unknown>(Object.entries(of)).get(key) : undefined;

function shownImages(images: unknown): string {
  if (!Array.isArray(images)) return "";
  return images.map((image: Record<string, unknown>) => shownData(image["mimeType"], image["data"])).join("");
}

function prompt(id: string, text: string): void {
  const answered = (disposition: string) => respond(id, "prompt", flavour === "1.5" ? { disposition } : undefined);
  if (text === "/handled") return answered("handled");
  if (process.env["FAKE_PI_NO_KEY"] !== undefined)
    return refuse(id, "prompt", "No API key found for fake.\n\nUse /login to log into a provider.");
  if (engine.busy) {
    answered("queued");
    void engine.prompt(text, id);
    return;
  }
  answered("started");
  if (starting) return pi.stray();
  starting = true;
  setTimeout(() => {
    void engine.prompt(text.startsWith("/expand ") ? `expanded: ${text.slice(8)}` : text, id);
  }, 10);
}
pi.onStart(() => {
  starting = false;
});

function command(parsed: unknown): void {
  // Pi reads a property of whatever it got.
  const { id, type, message, since, ...rest } = parsed as {
    id?: unknown;
    type?: unknown;
    message?: unknown;
    since?: unknown;
  };
  const name = String(type);
  switch (name) {
    case "extension_ui_response":
      return host.answer(String(id), rest);
    case "prompt":
      return prompt(String(id), String(message) + shownImages(readField(rest, "images")));
    case "abort":
      if (starting || !engine.interrupt()) return respond(id, name);
      return pi.afterTurn(() => respond(id, name));
    case "clear_queue":
      if (flavour === "0.74") return refuse(id, name, `Unknown command: ${name}`);
      return respond(id, name, { steering: [], followUp: [] });
    case "get_state":
      return respond(id, name, {
        model: { id: model.split("/")[1], provider: model.split("/")[0] },
        isStreaming: starting || engine.busy,
        isCompacting: false,
        sessionId: session,
        messageCount: history.read().length,
        pendingMessageCount: 0,
      });
    case "get_session_stats":
      return respond(id, name, {
        sessionId: session,
        ...totalsOf(pi.entries().filter(({ role, failed }) => role === "assistant" && failed !== true).length),
      });
    case "get_fork_messages":
      return respond(id, name, {
        messages: pi
          .entries()
          .filter(({ role }) => role === "user")
          .map(({ id: entryId, text }) => ({ entryId, text })),
      });
    case "get_entries": {
      const all = pi.entries();
      const from = since === undefined ? 0 : all.findIndex((entry) => entry.id === since) + 1;
      if (since !== undefined && from === 0) return refuse(id, name, `Entry not found: ${String(since)}`);
      const entries = all.slice(from).map(({ id: entryId, role, text, timestamp }) => ({
        type: "message",
        id: entryId,
        message: { role, content: [{ type: "text", text }], timestamp },
      }));
      return respond(id, name, { entries, leafId: all.at(-1)?.id ?? null });
    }
    default:
      return refuse(id, name, `Unknown command: ${name}`);
  }
}

let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch (error) {
      out.line({
        type: "response",
        command: "parse",
        success: false,
        error: `Failed to parse command: ${String(error)}`,
      });
      continue;
    }
    command(parsed);
  }
});
process.stdin.on("end", () => process.exit(0));
