/**
 * The box of a storm: both compiled programs on ports that stay, a state folder on a small file system of its own where
 * that can be had, and whatever of the machine's means to shake them. What is missing is printed, not left out in
 * silence.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { startFakeDiscord, type FakeDiscord } from "../fakes/discord.ts";
import { createApi, eventually, type Api } from "../support/api.ts";
import { installed } from "../support/apt.ts";
import { BINARY, FAKES } from "../support/binary.ts";
import { quietPort } from "../support/hook.ts";
import type { Random } from "../support/random.ts";
import { openDoor, openProxy, type Door, type Proxy } from "./door.ts";
import type { ProviderPlan } from "./plan.ts";
import { processesOf, signal } from "./processes.ts";

const RECEIVER = process.env["AH_TEST_RECEIVER"] ?? join(import.meta.dir, "../../webhook-receiver");
/** Ten minutes leave some eighty megabytes: the disk is full only where that is a fault. */
const STATE_BYTES = 256 * 1024 * 1024;
/** By Debian's names. */
const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";
const FAKETIME = `/usr/lib/${MACHINE}-linux-gnu/faketime/libfaketimeMT.so.1`;
/** As both programs end when they cannot use their state folder. */
const REFUSED_STATE = 73;
const TOKEN = "chaos-token";

const fake = (name: string): string[] => [process.execPath, join(FAKES, `${name}.ts`)];
const SETTINGS: Readonly<Record<string, Record<string, unknown>>> = {
  "claude-code": { command: fake("claude") },
  codex: { command: fake("codex") },
  opencode: { command: fake("opencode") },
  pi: { command: fake("pi") },
  "some-acp": { kind: "acp", command: fake("acp") },
  "some-command": { kind: "command", command: fake("command") },
};

export interface Program {
  /** 0 = it does not run. */
  pid(): number;
  /** Answers 200 when it can be used. */
  readonly readyUrl: string;
  start(): Promise<void>;
  /** Resolves when it is gone. */
  kill(name: NodeJS.Signals): Promise<void>;
  /** Each time that it ended although nobody had asked: with what code, and its last words. It is started again. */
  readonly deaths: readonly string[];
}

export interface World {
  readonly dir: string;
  readonly cwd: string;
  readonly stateDir: string;
  readonly receiverDir: string;
  readonly journalDir: string;
  readonly daemon: Program;
  readonly receiver: Program;
  readonly door: Door;
  readonly proxy: Proxy;
  readonly discord: FakeDiscord;
  /** Straight to the daemon; through the proxy that cuts. */
  readonly direct: Api;
  readonly shaky: Api;
  readonly receiverUrl: string;
  readonly token: string;
  /** Each state folder has a file system of its own that can be filled. */
  readonly ownDisk: boolean;
  /** Sets the daemon's wall clock, in seconds from the real one; null = that cannot be done here. */
  readonly setClock: ((seconds: number) => void) | null;
  /** Our programs obey the modes of files although we are root. */
  readonly modesCount: boolean;
  /** `keep`: the folder stays, to be looked at. */
  close(keep: boolean): Promise<void>;
}

export async function makeWorld(providers: readonly ProviderPlan[], random: Random): Promise<World> {
  for (const binary of [BINARY, RECEIVER])
    if (!existsSync(binary)) throw new Error(`${binary} is not there: run make build first`);
  const dir = mkdtempSync(join(tmpdir(), "ah-chaos-"));
  const at = (name: string): string => join(dir, name);
  const [cwd, home, stateDir, journalDir] = [at("project"), at("home"), at("state"), at("journal")];
  const receiverDir = at("receiver");
  for (const each of [cwd, home, stateDir, receiverDir, journalDir]) mkdirSync(each, { mode: 0o700 });
  const disks = [stateDir, receiverDir].filter(mount);
  const ownDisk = disks.length === 2;
  const clockFile = at("clock");
  writeFileSync(clockFile, "+0");
  const canSetClock = (await installed(FAKETIME, "faketime")) !== null;
  const isRoot = process.getuid?.() === 0;
  const modesCount = !isRoot || Bun.which("setpriv") !== null;
  const [port, receiverPort] = [await quietPort(), await quietPort()];
  const receiverUrl = `http://127.0.0.1:${receiverPort}`;
  const door = await openDoor(`${receiverUrl}/harness-webhook`);
  const proxy = await openProxy(port, random);
  const discord = startFakeDiscord();
  // The clock of a box is one: its programs, their agents and the receiver see the same.
  const clock = canSetClock
    ? {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: clockFile,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      }
    : {};
  const env = { FAKE_JOURNAL: journalDir, ...clock };
  const config = {
    port,
    stateDir,
    logLevel: "info",
    webhook: { url: door.url, token: TOKEN },
    limits: { parkIdleMs: 4000 },
    providers: Object.fromEntries(providers.map(({ name }) => [name, { ...SETTINGS[name], env }])),
  };
  writeFileSync(at("harness.json"), JSON.stringify(config));
  const receiverConfig = {
    port: receiverPort,
    stateDir: receiverDir,
    token: TOKEN,
    discord: { webhookUrl: discord.webhookUrl, allowOtherHost: true },
  };
  writeFileSync(at("receiver.json"), JSON.stringify(receiverConfig));

  const prefix = isRoot && modesCount ? withoutRootsEyes() : [];
  const base = { PATH: process.env["PATH"] ?? "", HOME: home, ...clock };
  const daemon = program([...prefix, BINARY, "serve", "--config", at("harness.json")], base, {
    readyUrl: `http://127.0.0.1:${port}/readyz`,
    logFile: at("daemon.log"),
  });
  const receiver = program([...prefix, RECEIVER, "serve", "--config", at("receiver.json")], base, {
    readyUrl: `${receiverUrl}/health`,
    logFile: at("receiver.log"),
  });
  return {
    ...{
      dir,
      cwd,
      stateDir,
      receiverDir,
      journalDir,
      daemon,
      receiver,
      door,
      proxy,
      discord,
      receiverUrl,
      ownDisk,
      modesCount,
    },
    token: TOKEN,
    direct: createApi(`http://127.0.0.1:${port}`),
    shaky: createApi(`http://127.0.0.1:${proxy.port}`),
    setClock: canSetClock
      ? (seconds) => writeFileSync(clockFile, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}`)
      : null,
    async close(keep) {
      await Promise.all([daemon.kill("SIGKILL"), receiver.kill("SIGKILL")]);
      for (const { pid } of processesOf(dir, new Set([process.pid]))) {
        signal(pid, "SIGCONT");
        signal(pid, "SIGKILL");
      }
      proxy.close();
      door.close();
      discord.stop();
      await eventually("the storm's processes to end", () => processesOf(dir, new Set([process.pid])).length === 0);
      for (const disk of disks) {
        if (keep) Bun.spawnSync(["cp", "-a", disk, `${disk}-kept`]);
        Bun.spawnSync(["umount", "-l", disk]);
      }
      if (!keep) rmSync(dir, { recursive: true, force: true });
    },
  };
}

function mount(folder: string): boolean {
  if (process.getuid?.() !== 0) return false;
  const options = `size=${STATE_BYTES},mode=0700`;
  return Bun.spawnSync(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).exitCode === 0;
}

/**
 * Root passes over the modes of files by two capabilities; without them a folder without `w` is read-only for it, too.
 */
function withoutRootsEyes(): string[] {
  const caps = "-dac_override,-dac_read_search";
  return ["setpriv", "--bounding-set", caps, "--inh-caps", caps, "--"];
}

/** What is no line of the log, or one of an error; else the end. */
function lastWords(errors: string): string {
  const lines = errors.split("\n").filter((line) => !line.startsWith("{") || line.includes('"level":"error"'));
  return (lines.join("\n").trim() || errors).slice(-1000);
}

function program(
  argv: readonly string[],
  env: Record<string, string>,
  { readyUrl, logFile }: { readonly readyUrl: string; readonly logFile: string },
): Program {
  let child: Bun.Subprocess<"ignore", "ignore", "pipe"> | null = null;
  /** Somebody of ours ends it now, or has; it is not started again then. */
  let asked = false;
  const deaths: string[] = [];
  const alive = (): boolean => child !== null && child.exitCode === null && child.signalCode === null;
  const launch = (): void => {
    let errors = "";
    const started = Bun.spawn([...argv], { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    child = started;
    asked = false;
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of started.stderr) {
        writeFileSync(logFile, chunk, { flag: "a" });
        errors = (errors + decoder.decode(chunk, { stream: true })).slice(-2000);
      }
      await started.exited;
      if (asked || child !== started) return;
      // A state folder that it may not write is refused in words, and its service manager tries again.
      if (started.exitCode !== REFUSED_STATE)
        deaths.push(
          `${basename(argv.at(-3) ?? "")} ended by itself (${started.exitCode ?? started.signalCode}): ${lastWords(errors)}`,
        );
      await Bun.sleep(500);
      if (!asked) launch();
    })();
  };
  return {
    pid: () => (alive() ? (child?.pid ?? 0) : 0),
    deaths,
    readyUrl,
    async start() {
      launch();
      const ready = async (): Promise<boolean> => {
        const response = await fetch(readyUrl, { signal: AbortSignal.timeout(2000) }).catch(() => null);
        return response?.status === 200;
      };
      await eventually(`${readyUrl} to answer`, ready, 60_000);
    },
    async kill(name) {
      asked = true;
      if (!alive()) return;
      child?.kill("SIGCONT");
      child?.kill(name);
      await child?.exited;
    },
  };
}
