/**
 * What the demo needs around itself: both programs on free ports with throw-away folders, a stand-in for Discord and
 * OpenClaw on this machine, and an end that leaves nothing behind, also after Ctrl-C.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcessesNaming } from "../support/leftovers.ts";

const ROOT = join(import.meta.dir, "../..");
const START_MS = 15_000;

export interface Stage {
  readonly project: string;
  /** Of the daemon as it runs now. */
  url(): string;
  startDaemon(): Promise<void>;
  /** SIGKILL: it gets no chance to save anything. */
  killDaemon(): Promise<void>;
  close(): Promise<void>;
}

export interface Told {
  /** The receiver stored a webhook. */
  webhook(delivery: { readonly id: string; readonly event: string }): void;
  /** What Discord and OpenClaw would have got. */
  discord(line: string): void;
  openclaw(line: string): void;
}

/** `script` plays the agent of the provider "script". */
export async function buildStage(script: string, told: Told): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), "agent-harness-demo-"));
  const [project, state] = [join(dir, "project"), join(dir, "state")];
  mkdirSync(project);
  for (const [name, text] of [
    ["README.md", "# A project\n"],
    ["main.py", "print('hello')\n"],
    ["notes.txt", "buy milk\n"],
  ] as const)
    writeFileSync(join(project, name), text);
  writeFileSync(join(dir, "agent.sh"), script);
  chmodSync(join(dir, "agent.sh"), 0o755);

  const outside = pretendOutside(told);
  const token = randomBytes(16).toString("hex");
  const children: Bun.Subprocess[] = [];
  const start = async (
    program: string,
    config: object,
    look: (text: string) => string | undefined,
    onLine: (line: string) => void = () => undefined,
  ) => {
    const path = join(ROOT, program);
    if (!existsSync(path)) throw new Error(`${program} is not built: run make build`);
    const file = join(dir, `${program}.json`);
    writeFileSync(file, JSON.stringify(config));
    // A session of its own: Ctrl-C in the terminal is for the demo, which then ends everything in order.
    const child = Bun.spawn([path, "serve", "--config", file], {
      cwd: dir,
      env: withoutOurs(),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    children.push(child);
    return { child, url: await addressOf(child, program, look, onLine) };
  };

  const receiver = await start(
    "webhook-receiver",
    {
      port: 0,
      stateDir: join(dir, "receiver"),
      token,
      logLevel: "debug",
      discord: { webhookUrl: `${outside.url}/api/webhooks/1/demo`, allowOtherHost: true },
      openclaw: { transport: "hook", hookUrl: `${outside.url}/hooks/wake`, hookToken: "demo" },
    },
    (text) => /"url":"(http:[^"]+)"/.exec(text)?.[1],
    (line) => {
      const { msg, id, event } = jsonOf(line);
      if (msg === "webhook stored") told.webhook({ id: String(id), event: String(event) });
    },
  );
  const config = {
    port: 0,
    stateDir: state,
    webhook: { url: `${receiver.url}/harness-webhook`, token },
    providers: {
      script: { kind: "command", command: [join(dir, "agent.sh")], env: { AGENT_HARNESS_DEMO: dir } },
      // One retry instead of many: whether it can answer shows soon.
      "claude-code": { env: { AGENT_HARNESS_DEMO: dir, CLAUDE_CODE_MAX_RETRIES: "1" } },
    },
  };
  let daemon: Awaited<ReturnType<typeof start>> | undefined;
  let closing: Promise<void> | undefined;
  return {
    project,
    url: () => daemon?.url ?? "",
    async startDaemon() {
      daemon = await start("agent-harness", config, (text) => /listens on (http:\S+)/.exec(text)?.[1]);
    },
    async killDaemon() {
      daemon?.child.kill("SIGKILL");
      await daemon?.child.exited;
    },
    close: () => (closing ??= end(dir, children, outside.stop)),
  };
}

/** Discord's and OpenClaw's end of the line, as far as the receiver can tell. */
function pretendOutside({ discord, openclaw }: Told): { url: string; stop(): void } {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body = jsonOf(await request.text());
      if (new URL(request.url).pathname === "/hooks/wake") {
        openclaw(String(body["text"]));
        return Response.json({ ok: true, eventOutcome: "queued" });
      }
      discord(String(body["content"]));
      return Response.json({ id: "1" });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, stop: () => void server.stop(true) };
}

async function addressOf(
  child: Bun.Subprocess<"ignore", "pipe", "pipe">,
  program: string,
  look: (text: string) => string | undefined,
  onLine: (line: string) => void,
): Promise<string> {
  let seen = "";
  const found = Promise.withResolvers<string>();
  const follow = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (seen.length < 10_000) seen += `${line}\n`;
        const address = look(line);
        if (address !== undefined) found.resolve(address);
        onLine(line);
      }
    }
  };
  void follow(child.stdout);
  void follow(child.stderr);
  const failed = (why: string) => () => found.reject(new Error(`${program} ${why}: ${seen}`));
  void child.exited.then(failed("ended before it was ready"));
  const timer = setTimeout(failed(`was not ready after ${START_MS} ms`), START_MS);
  return found.promise.finally(() => clearTimeout(timer));
}

async function end(dir: string, children: readonly Bun.Subprocess[], stopOutside: () => void): Promise<void> {
  for (const child of children) child.kill("SIGTERM");
  await Promise.race([Promise.all(children.map((child) => child.exited)), Bun.sleep(3000)]);
  for (const child of children) child.kill("SIGKILL");
  // Agents outlive the daemon on purpose; these carry our folder's name in their environment.
  endProcessesNaming(`AGENT_HARNESS_DEMO=${dir}\0`);
  stopOutside();
  rmSync(dir, { recursive: true, force: true });
}

/** The caller's own settings must not reach into the demo. */
function withoutOurs(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.filter(([name]) => !name.startsWith("AH_")));
}

function jsonOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    return {};
  }
}
