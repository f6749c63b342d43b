/**
 * `make demo`: the product in ten seconds, on this machine alone. An agent works in a throw-away project, the daemon is
 * killed in the middle of its turn and started again, the turn completes, and the webhook arrives. Needs no account and
 * no network.
 */
import type { Stage } from "./demo/stage.ts";
import { buildStage } from "./demo/stage.ts";
import type { Api, Json } from "./support/api.ts";
import { createApi } from "./support/api.ts";

/** Plays the agent where no Claude Code answers: reads its task, works a little, says what it did. */
const SCRIPT = `#!/bin/sh
task=$(cat)
echo "I was asked: $task"
sleep 1
echo "Looking around ..."
for file in *; do sleep 0.7; echo "  $file: $(wc -l < "$file") lines"; done
ls > report.txt
echo "Done: the list is in report.txt."
`;
const SCRIPT_TASK = "look at every file here and write a report";
const CLAUDE_TASK =
  "Write one friendly line into a new file hello.txt here, then tell in one short sentence what you did.";
const PROBE_MS = 10_000;
const CLAUDE_MS = 25_000;
const LIMIT_MS = 60_000;

const startedAt = performance.now();
const colour = process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "";
const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
/** What programs say may hold anything; a terminal gets only its letters. */
const plain = (text: string): string => text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, " ");

function tell(what: string, text: string, code = 36): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
  const [first = "", ...rest] = plain(text).trimEnd().split("\n");
  console.log(
    `${paint(90, `${seconds} s`)}  ${paint(code, what.padEnd(10))} ${[first, ...rest.map((line) => " ".repeat(20) + line)].join("\n")}`,
  );
}

const apiOf = (stage: Stage): Api => createApi(stage.url());

interface SseEvent {
  readonly type: string;
  readonly id: number | null;
  readonly json: Json;
}

async function* eventsOf(stage: Stage, path: string, since: number, signal: AbortSignal): AsyncGenerator<SseEvent> {
  const response = await fetch(`${stage.url()}/api/v1${path}/events?since=${since}`, { signal });
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const data = field("data");
      if (data === undefined) continue; // a heartbeat
      yield {
        type: field("event") ?? "",
        id: field("id") === undefined ? null : Number(field("id")),
        json: JSON.parse(data) as Json,
      };
    }
  }
}

/**
 * Prints what happens to the agent until its work is over; goes on where it was when the stream breaks. True = it
 * completed.
 */
async function follow(stage: Stage, path: string, limitMs: number): Promise<boolean> {
  const signal = AbortSignal.timeout(limitMs);
  let seen = 0;
  let killed = false;
  let outcome: string | null = null;
  const say = speaker();
  while (!signal.aborted) {
    try {
      for await (const { type, id, json } of eventsOf(stage, path, seen, signal)) {
        seen = id ?? seen;
        if (type === "delta") say(String(json["text"]));
        const data = json["data"];
        const permission = data?.["permission"];
        if (type === "agent_status")
          tell("status", `${data?.["from"]} → ${data?.["to"]}  (${data?.["cause"]?.["detail"]})`, 33);
        if (type === "message" && String(data?.["message"]?.["role"]) === "assistant")
          tell("message", String(data?.["message"]?.["text"]), 32);
        if (type === "retrying") tell("retrying", String(data?.["reason"]));
        if (type === "permission_requested") tell("asks", String(permission?.["title"]), 35);
        if (!killed && (type === "delta" || type === "permission_requested")) {
          killed = true;
          await killAndRestart(stage);
        }
        if (type === "permission_requested") {
          tell("answer", "allow (a person does this with one POST)", 35);
          await apiOf(stage).post(`${path}/permissions/${permission?.["id"]}`, { decision: "allow" });
        }
        if (type === "turn_ended") outcome = String(data?.["turn"]?.["outcome"]);
        if (type === "agent_status" && /^(idle|error|exited)$/.test(String(data?.["to"])))
          return outcome === "completed";
      }
    } catch (error) {
      if (ended || signal.aborted) throw error;
      await Bun.sleep(100); // the stream broke with the daemon, which is back by now
    }
  }
  return false;
}

/** Streamed text, line by line. */
function speaker(): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") tell("  says", line, 90);
  };
}

async function killAndRestart(stage: Stage): Promise<void> {
  await stage.killDaemon();
  tell("daemon", "killed with SIGKILL in the middle of the turn; the agent goes on", 31);
  await Bun.sleep(1200);
  await stage.startDaemon();
  tell("daemon", "started again on the same state, reads on where the dead one stopped");
}

async function runClaude(stage: Stage): Promise<boolean> {
  // The daemon starts each installed program once to find out; one that hangs is not waited for.
  const found = await Promise.race([apiOf(stage).get("/providers"), Bun.sleep(PROBE_MS).then(() => null)]);
  const claude = [...(found?.["providers"] ?? [])].find((each) => String(each["name"]) === "claude-code");
  if ((claude?.["available"] as unknown) !== true) {
    const why =
      found === null
        ? "gives no sign of life"
        : (claude?.["path"] as unknown) === null
          ? "is not installed here"
          : `cannot be used (${claude?.["reason"]})`;
    tell("provider", `Claude Code ${why}, so a shell script plays the agent`);
    return false;
  }
  tell("provider", `Claude Code ${claude?.["version"]} is installed`);
  const { agent } = await apiOf(stage).post("/projects/demo/agents", {
    provider: "claude-code",
    name: "claude",
    task: CLAUDE_TASK,
    permissions: "ask",
  });
  tell("agent", `${agent?.["id"]}: ${CLAUDE_TASK}`);
  const completed = await follow(stage, "/projects/demo/agents/claude", CLAUDE_MS).catch(() => false);
  if (!completed && !ended) {
    await apiOf(stage).call("DELETE", "/projects/demo/agents/claude");
    tell("provider", "Claude Code did not answer (is it logged in?), so a shell script plays the agent");
  }
  return completed;
}

async function runScript(stage: Stage): Promise<boolean> {
  const { agent } = await apiOf(stage).post("/projects/demo/agents", {
    provider: "script",
    name: "helper",
    task: SCRIPT_TASK,
  });
  tell("agent", `${agent?.["id"]}: ${SCRIPT_TASK}`);
  return follow(stage, "/projects/demo/agents/helper", LIMIT_MS);
}

let ended = false;
/** An agent that could not be started has its notices, too: the demo waits for that of the turn that completed. */
const news = { discord: Promise.withResolvers<void>(), openclaw: Promise.withResolvers<void>() };
console.log("agent-harness demo: all of it happens on this machine, in a folder that is removed at the end.\n");
const stage = await buildStage(SCRIPT, {
  webhook: ({ id, event }) => tell("webhook", `${event} arrived at webhook-receiver (${id})`, 35),
  discord(line) {
    tell("  Discord", `would show: ${line.replaceAll(/<t:\d+:R>/g, "now")}`, 35);
    if (line.includes("completed")) news.discord.resolve();
  },
  openclaw(line) {
    tell("  OpenClaw", `would hear: ${line}`, 35);
    if (line.includes("completed")) news.openclaw.resolve();
  },
});

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => {
    if (!ended) tell("stopped", "cleaning up");
    ended = true;
    void stage.close().then(() => process.exit(code));
  });
}

let code = 1;
try {
  await stage.startDaemon();
  tell("daemon", `listens on ${stage.url()}`);
  await apiOf(stage).post("/projects", { name: "demo", cwd: stage.project });
  tell("project", `"demo" is ${stage.project}`);
  const completed = (await runClaude(stage)) || (await runScript(stage));
  if (!completed) throw new Error("the turn did not complete");
  await Promise.race([
    Promise.all([news.discord.promise, news.openclaw.promise]),
    Bun.sleep(10_000).then(() => Promise.reject(new Error("the webhook did not arrive"))),
  ]);
  code = 0;
} catch (error) {
  if (!ended) console.error(`\nthe demo failed: ${error instanceof Error ? error.message : String(error)}`);
}
if (!ended) {
  ended = true;
  await stage.close();
  if (code === 0) console.log("\nThat was it; nothing is left of it. Next: ./agent-harness serve, and README.md.");
  process.exit(code);
}
