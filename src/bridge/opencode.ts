/**
 * The child that the daemon sees of an OpenCode agent: `agent-harness bridge opencode -- opencode serve …`. Starts and
 * ends the server, follows its events, and carries lines between it and stdio. I/O only: what a line means is decided
 * in `core.ts`. The daemon may die and come back, nothing changes here: stdin is a FIFO that stays open, stdout a file.
 */
import { randomBytes } from "node:crypto";
import type { Clock, Timer } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import { createLineSplitter } from "../lib/ndjson.ts";
import { VERSION } from "../lib/version.ts";
import { tryJson } from "../lib/json.ts";
import type { BridgeCommand, BridgeLine, StartCommand } from "../providers/opencode/lines.ts";
import { readBridgeCommand } from "../providers/opencode/lines.ts";
import { createCalls, openSession } from "./calls.ts";
import type { Client } from "./client.ts";
import { createClient } from "./client.ts";
import type { Core } from "./core.ts";
import { createCore } from "./core.ts";
import { followEvents } from "./events.ts";
import type { Server } from "./server.ts";
import { ServerFailed, startServer } from "./server.ts";
import type { CoreAction, CoreInput } from "./core-io.ts";
import { readEvent } from "./wire.ts";
import { writeWhole } from "./write-whole.ts";
import { isFields, text } from "../providers/read.ts";

const START_MS = 50_000;
const FAREWELL_ABORT_MS = 1500;

/** `argv`: `opencode -- PROGRAM ARGUMENTS…`. Resolves with the exit code when the server has ended. */
export async function runBridge(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<number> {
  const [kind, dashes, ...program] = argv;
  if (kind !== "opencode" || dashes !== "--" || program.length === 0) {
    process.stderr.write(
      `agent-harness bridge ${VERSION}: this is the daemon's own; usage: bridge opencode -- PROGRAM ARGUMENTS…\n`,
    );
    return 2;
  }
  const { promise: over, resolve: finish } = Promise.withResolvers<number>();
  let started: StartCommand | null = null;
  let bridge: Bridge | null = null;
  let ending = false;
  const early: BridgeCommand[] = [];

  const leave = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    await bridge?.leave();
    finish(0);
  };

  const begin = async (command: StartCommand): Promise<void> => {
    try {
      bridge = await startBridge(command, program, definedOnly(env), clock, () => !ending && finish(1));
      for (const each of early.splice(0)) bridge.command(each);
      if (ending) void bridge.leave().then(() => finish(0));
    } catch (error) {
      if (ending) return finish(0);
      const code = error instanceof Refused ? error.code : "START_FAILED";
      tell({ t: "start_failed", code, message: errorText(error) });
      finish(1);
    }
  };

  const onCommand = (command: BridgeCommand): void => {
    if (command.cmd === "end") return void leave();
    if (command.cmd === "start" && started === null) {
      started = command;
      return void begin(command);
    }
    if (bridge === null) early.push(command);
    else bridge.command(command);
  };

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void leave());
  void readCommands(onCommand).then(leave, leave);
  return over;
}

interface Bridge {
  command(command: BridgeCommand): void;
  leave(): Promise<void>;
}

class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

async function startBridge(
  start: StartCommand,
  program: readonly string[],
  inherited: Readonly<Record<string, string>>,
  clock: Clock,
  onGone: () => void,
): Promise<Bridge> {
  const password = randomBytes(24).toString("base64url");
  secret = password;
  const server = await startServer({
    argv: program,
    env: { ...inherited, OPENCODE_PERMISSION: JSON.stringify(start.permission) },
    password,
    startMs: START_MS,
    clock,
    onOutput: (output) => void process.stderr.write(withoutSecret(output)),
  });
  const client = createClient({ url: server.url, password, directory: start.directory });
  try {
    return await connect(start, server, client, clock, onGone);
  } catch (error) {
    await server.end();
    throw error;
  }
}

async function connect(
  start: StartCommand,
  server: Server,
  client: Client,
  clock: Clock,
  onGone: () => void,
): Promise<Bridge> {
  const health = await client.get("/global/health");
  if (!health.ok)
    throw new Refused(
      "VERSION_UNSUPPORTED",
      `this OpenCode does not tell its health (${health.message}): version 1.18 or newer is needed`,
    );
  const version = isFields(health.value) ? text(health.value, "version") : "";

  let timer: Timer | null = null;
  let core: Core | null = null;
  const early: CoreInput[] = [];
  const onInput = (incoming: CoreInput): void => {
    if (core === null) early.push(incoming);
    else for (const action of core.take(incoming, clock.monotonic())) perform(action);
  };
  // The stream comes first: nothing that the session does may be missed.
  const follow = followEvents({
    client,
    clock,
    onEvent: (json) => onInput({ h: "event", event: readEvent(json, clock.now()) }),
    onAgain: () => perform({ do: "read_truth" }),
  });
  const gone = server.gone.then((how) => `opencode serve has ended (${how})`);
  const opened = await Promise.race([
    follow.connected.then(() => openSession(client, start.session, start.title)),
    gone.then((message) => ({ code: "START_FAILED", message })),
  ]).catch(async (error: unknown) => {
    await follow.close();
    throw new ServerFailed(`the event stream of opencode serve cannot be read: ${errorText(error)}`);
  });
  if ("code" in opened || opened.session === "") {
    await follow.close();
    throw "code" in opened
      ? new Refused(opened.code, opened.message)
      : new Refused("START_REFUSED", "OpenCode opened a session without an id");
  }
  const calls = createCalls({
    client,
    session: opened.session,
    model: modelOf(start.model),
    system: start.system,
    clock,
    onInput,
  });

  function perform(action: CoreAction): void {
    if (action.do === "tell") return tell(action.line);
    if (action.do !== "wake") return calls(action);
    timer?.cancel();
    timer = clock.setTimer(action.inMs, () => onInput({ h: "wake" }));
  }

  const ready: BridgeLine = { t: "ready", version, session: opened.session };
  tell(ready);
  core = createCore(opened);
  for (const incoming of early.splice(0)) onInput(incoming);
  let leaving = false;
  void gone.then(async (message) => {
    if (leaving) return;
    await follow.close(); // what the server said last is still on its way
    process.stderr.write(`agent-harness bridge: ${message}\n`);
    onGone();
  });

  return {
    command(command) {
      if (command.cmd === "start") tell(ready);
      else if (command.cmd !== "end") onInput({ h: "command", command });
    },
    async leave() {
      leaving = true;
      // Finalises the message and ends the tools; killed in the middle, the server would leave both behind.
      if (core?.working === true) await client.post(`/session/${opened.session}/abort`, undefined, FAREWELL_ABORT_MS);
      await server.end();
      await follow.close();
      timer?.cancel();
    },
  };
}

async function readCommands(onCommand: (command: BridgeCommand) => void): Promise<void> {
  const splitter = createLineSplitter();
  for await (const bytes of Bun.stdin.stream()) {
    for (const line of splitter.push(bytes)) {
      const command = line.type === "line" ? readBridgeCommand(tryJson(line.text)) : null;
      if (command !== null) onCommand(command);
      else if (line.type !== "line" || line.text.trim() !== "")
        tell({ t: "note", level: "warn", code: "torn_line", message: "the bridge got a line that is no command" });
    }
  }
}

/**
 * OpenCode hands its environment, the password in it, to every tool: a tool that prints its environment must not
 * publish it.
 */
let secret: string | null = null;

function withoutSecret(text: string): string {
  return secret === null || !text.includes(secret) ? text : text.replaceAll(secret, "[password of the server]");
}

/** Whole lines, in their order, out before anything else is done: stdout is a file, and what is in it survives us. */
function tell(line: BridgeLine): void {
  writeWhole(1, Buffer.from(`${withoutSecret(JSON.stringify(line))}\n`), (ms) => Bun.sleepSync(ms));
}

function modelOf(model: string | null): { readonly providerID: string; readonly modelID: string } | null {
  if (model === null) return null;
  const slash = model.indexOf("/");
  return slash === -1 ? null : { providerID: model.slice(0, slash), modelID: model.slice(slash + 1) };
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
