/**
 * The least that could do each piece of the daemon's work, as a program of its own: no status, no queue, no check, no
 * second client. What ours costs is told beside what this costs, in the same run. Modes:
 *   sse AGENTS COUNT PAUSE   serves one stream of what so many children print, once somebody has opened it
 *   hook URL TURNS           a child prints a line; it is stored, and URL is told
 *   ingest FRAMES            stores a child's frames as fast as it can, and prints how many a second
 */
import { Database } from "bun:sqlite";
import { join } from "node:path";

const AGENT = join(import.meta.dir, "agent.sh");
const encoder = new TextEncoder();
const [mode = "", ...rest] = process.argv.slice(2);

/** The same child as the daemon's, told what to do. */
function child(shell: string, text: string): Bun.Subprocess<"pipe", "pipe", "inherit"> {
  const started = Bun.spawn([shell, AGENT], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  say(started, text);
  return started;
}

function say({ stdin }: Bun.Subprocess<"pipe", "pipe", "inherit">, text: string): void {
  stdin.write(`${JSON.stringify({ type: "user", uuid: "k", message: { content: text } })}\n`);
  stdin.flush();
}

async function lines(stream: ReadableStream<Uint8Array>, each: (batch: readonly string[]) => unknown): Promise<void> {
  const decoder = new TextDecoder();
  let kept = "";
  for await (const bytes of stream) {
    const parts = (kept + decoder.decode(bytes, { stream: true })).split("\n");
    kept = parts.pop() ?? "";
    if ((await each(parts)) === false) return;
  }
}

/** The text of a message of the child; null of any other frame. */
function textOf(frame: { readonly type?: string; readonly message?: { readonly content?: readonly Piece[] } }) {
  return frame.type === "assistant" ? (frame.message?.content?.[0]?.text ?? "") : null;
}
interface Piece {
  readonly text?: string;
}

function sse(agents: number, count: string, pause: string): void {
  const children: Bun.Subprocess[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            for (let n = 0; n < agents; n++) {
              const each = child("bash", `stream ${count} ${pause}`);
              children.push(each);
              void lines(each.stdout, (batch) => {
                for (const line of batch) {
                  const text = textOf(JSON.parse(line));
                  if (text !== null) controller.enqueue(encoder.encode(`data: ${text}\n\n`));
                }
              });
            }
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      ),
  });
  console.log(`bare listens on ${server.url.origin}`);
  process.on("SIGTERM", () => {
    for (const each of children) each.kill("SIGKILL");
    process.exit(0);
  });
}

function openStore(): Database {
  const db = new Database("bare.db", { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run("CREATE TABLE messages (id INTEGER PRIMARY KEY, agent TEXT, text TEXT) STRICT");
  db.run("CREATE TABLE events (id INTEGER PRIMARY KEY, agent TEXT, type TEXT, data TEXT, at INTEGER) STRICT");
  return db;
}

async function hook(url: string, turns: number): Promise<void> {
  const insert = openStore().query("INSERT INTO events (agent, type, data, at) VALUES ('a', 'turn_completed', ?, ?)");
  const each = child("bash", "turn");
  let [text, done] = ["", 0];
  await lines(each.stdout, async (batch) => {
    for (const line of batch) {
      const frame: { type?: string } = JSON.parse(line);
      text = textOf(frame) ?? text;
      if (frame.type !== "result") continue;
      const body = JSON.stringify({ event: "agent_completed", lastMessage: text });
      insert.run(body, Date.now());
      await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
      done += 1;
      if (done < turns) say(each, "turn");
    }
    return done < turns;
  });
  each.kill("SIGKILL");
}

async function ingest(frames: number): Promise<void> {
  const db = openStore();
  const message = db.query("INSERT INTO messages (agent, text) VALUES ('a', ?)");
  const event = db.query("INSERT INTO events (agent, type, data, at) VALUES ('a', 'message', ?, ?)");
  const store = db.transaction((batch: readonly string[]) => {
    for (const line of batch) {
      const text = textOf(JSON.parse(line));
      if (text === null) continue;
      message.run(text);
      event.run(JSON.stringify({ message: { role: "assistant", text } }), Date.now());
      stored += 1;
    }
  });
  let stored = 0;
  const startMs = performance.now();
  const each = child("sh", `flood ${frames}`);
  await lines(each.stdout, (batch) => {
    store(batch);
    return stored < frames;
  });
  console.log(Math.round((stored / (performance.now() - startMs)) * 1000));
  each.kill("SIGKILL");
}

const [first = "", second = "", third = ""] = rest;
if (mode === "sse") sse(Number(first), second, third);
else if (mode === "hook") await hook(first, Number(second));
else if (mode === "ingest") await ingest(Number(first));
else throw new Error(`unknown mode ${mode}`);
