/**
 * OpenClaw over its command line: `openclaw system event`, about three seconds and 400 MB a call, hence one at a time.
 * No shell; the text is an argument of its own, tokens go by the environment only. The launcher starts a second
 * process, so at the deadline the whole tree is ended.
 */
import { endSession } from "../../process/session.ts";
import { tryJson } from "../../lib/json.ts";
import { oneLine } from "../../lib/text.ts";
import { isObject } from "../../lib/check.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorCode, errorText } from "../../lib/errors.ts";
import { hostOf, isLoopback } from "../../lib/ip.ts";
import { readText } from "../../lib/read-body.ts";
import { pause } from "../../lib/wait.ts";
import { withNotedUmask } from "../../lib/umask.ts";
import type { Finding } from "../sink.ts";
import type { Wake, WakeOutcome } from "./openclaw-hook.ts";

export interface CliSettings {
  /** Program and first arguments. */
  readonly command: readonly string[];
  readonly gatewayUrl?: string;
  readonly gatewayToken?: string;
  /**
   * An empty folder of ours. With URL and token given for a local gateway, the program need not read (and check) the
   * user's settings: four times faster.
   */
  readonly scratchDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For tests. */
  readonly deadlineMs?: number;
  readonly killAfterMs?: number;
}

const GATEWAY_TIMEOUT_MS = 10_000;
const DEADLINE_MS = 30_000;
const KILL_AFTER_MS = 5000;
/** Starting a program that is not there costs nothing; one that refuses costs seconds of CPU. */
const LOOK_AGAIN_MISSING_MS = 60_000;
const LOOK_AGAIN_REFUSED_MS = 600_000;
const OUTPUT_MAX_BYTES = 65_536;
const PIPE_GRACE_MS = 500;

export async function runSystemEvent(
  settings: CliSettings,
  { text, mode, sessionKey }: Wake,
  clock: Clock,
  signal: AbortSignal,
): Promise<WakeOutcome> {
  const args = ["system", "event", "--mode", mode, "--json", "--timeout", String(GATEWAY_TIMEOUT_MS), "--text", text];
  const ran = await runCli(
    settings,
    sessionKey === null ? args : [...args, "--session-key", sessionKey],
    clock,
    signal,
  );
  return classifyRun(ran);
}

export type Ran =
  | {
      readonly type: "exited";
      readonly code: number;
      readonly stdout: string;
      readonly stderr: string;
    }
  | { readonly type: "ended_by_us"; readonly why: string }
  | { readonly type: "not_started"; readonly errorCode: string; readonly message: string };

/** The program's exit code is 0 or 1 and nothing else: the reason is in the words. */
export function classifyRun(ran: Ran): WakeOutcome {
  if (ran.type === "ended_by_us") return { type: "retry", reason: `the openclaw command was ended: ${ran.why}` };
  if (ran.type === "not_started") {
    if (ran.errorCode === "E2BIG" || ran.errorCode === "ERR_INVALID_ARG_VALUE")
      return { type: "refused", reason: `the openclaw command cannot be given this text: ${ran.errorCode}` };
    return {
      type: "unusable",
      reason: `the openclaw command cannot be started: ${ran.message} (set openclaw.command)`,
      retryInMs: LOOK_AGAIN_MISSING_MS,
    };
  }
  if (ran.code === 0) return { type: "accepted", detail: "command: ok" };
  const json = tryJson(ran.stdout);
  const told = isObject(json) && isObject(json["error"]) ? json["error"]["message"] : undefined;
  const said = oneLine(typeof told === "string" ? told : ran.stderr).slice(0, 300) || `exit code ${ran.code}`;
  const reason = `the openclaw command failed: ${said}`;
  const all = `${said}\n${ran.stderr}`;
  if (/token mismatch|unauthorized|explicit credentials|openclaw: Node |env: .*No such file/i.test(all))
    return { type: "unusable", reason, retryInMs: LOOK_AGAIN_REFUSED_MS };
  if (/agent is unavailable/i.test(all)) return { type: "refused", reason, session: true };
  if (/--text is required|Missing required option|--mode must be/i.test(all)) return { type: "refused", reason };
  return { type: "retry", reason };
}

/** `openclaw --version`: answers at once and touches nothing. */
export async function probeCli(settings: CliSettings, clock: Clock, signal: AbortSignal): Promise<Finding> {
  const ran = await runCli(settings, ["--version"], clock, signal);
  if (ran.type === "exited" && ran.code === 0)
    return { ok: true, text: `openclaw: the command works, ${oneLine(ran.stdout).slice(0, 100)}` };
  const outcome = classifyRun(ran);
  return { ok: false, text: `openclaw: ${outcome.type === "accepted" ? "" : outcome.reason}` };
}

async function runCli(settings: CliSettings, args: readonly string[], clock: Clock, signal: AbortSignal): Promise<Ran> {
  const { command, deadlineMs = DEADLINE_MS, killAfterMs = KILL_AFTER_MS } = settings;
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    // It writes its user's files: with the modes that they always had.
    child = withNotedUmask(() =>
      Bun.spawn([...command, ...args], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        env: cliEnv(settings),
        detached: true,
      }),
    );
  } catch (error) {
    return { type: "not_started", errorCode: errorCode(error) ?? "", message: errorText(error) };
  }
  let why: string | undefined;
  let ended: Promise<void> | undefined;
  const end = (because: string): void => {
    why ??= because;
    ended ??= endSession(child.pid, killAfterMs, clock);
  };
  const deadline = clock.setTimer(deadlineMs, () => end(`it took longer than ${deadlineMs} ms`));
  const onAbort = (): void => end("the receiver stops");
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const limits = { maxBytes: OUTPUT_MAX_BYTES, timeoutMs: deadlineMs + killAfterMs };
    // A grandchild may hold the pipes open longer than the program lives.
    const output = Promise.all([readText(child.stdout, limits), readText(child.stderr, limits)]);
    const code = await child.exited;
    await ended;
    const [stdout, stderr] = await Promise.race([output, pause(clock, PIPE_GRACE_MS).then(() => ["", ""] as const)]);
    return why === undefined ? { type: "exited", code, stdout, stderr } : { type: "ended_by_us", why };
  } finally {
    deadline.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/** What the program inherits, without our own secrets. */
function cliEnv({ env, gatewayUrl, gatewayToken, scratchDir }: CliSettings): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^AH_|^CREDENTIALS_DIRECTORY$/.test(entry[0]),
  );
  const own: Record<string, string> = {};
  if (gatewayUrl !== undefined) own["OPENCLAW_GATEWAY_URL"] = gatewayUrl;
  if (gatewayToken !== undefined) own["OPENCLAW_GATEWAY_TOKEN"] = gatewayToken;
  // Only for a gateway on this machine: another one may want the user's paired device identity.
  if (gatewayUrl !== undefined && gatewayToken !== undefined && isLoopback(hostOf(gatewayUrl))) {
    Object.assign(own, {
      OPENCLAW_CONFIG_PATH: `${scratchDir}/none.json`,
      OPENCLAW_STATE_DIR: scratchDir,
      OPENCLAW_NO_RESPAWN: "1",
    });
  }
  return { ...Object.fromEntries(kept), ...own };
}
