/**
 * What the kernel tells about processes under `/proc`; a process that is gone or not ours to see is null. And the one
 * way to signal somebody who was seen there.
 */
import { readdirSync, readFileSync } from "node:fs";
import { isShortage, withDescriptors } from "../lib/descriptors.ts";
import { errorCode } from "../lib/errors.ts";

export interface ProcessInfo {
  readonly pid: number;
  /** `R S D T Z X …`; see `isDead`. */
  readonly state: string;
  readonly ppid: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks from boot to the start of the process: with the pid and the boot id it names a process for ever. */
  readonly startTicks: number;
  readonly name: string;
}

/** A zombie has ended: `kill(pid, 0)` still succeeds for it, and without an init that reaps it stays for ever. */
export const isDead = (info: Pick<ProcessInfo, "state">): boolean => info.state === "Z" || info.state === "X";

/** `root` is `/proc`, or a folder that looks like it (tests). */
export function readProcess(pid: number, root = "/proc"): ProcessInfo | null {
  return parseStat(readText(`${root}/${pid}/stat`));
}

/** Is it still there? The pid may be another's by now. One small read. */
export function lives({ pid, startTicks }: Pick<ProcessInfo, "pid" | "startTicks">): boolean {
  const now = readProcess(pid);
  return now !== null && now.startTicks === startTicks && !isDead(now);
}

/** Only to the very process that was seen; what is gone or not ours to signal is passed over. */
export function signal(info: ProcessInfo, name: NodeJS.Signals): void {
  if (!lives(info)) return;
  try {
    process.kill(info.pid, name);
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ESRCH" && code !== "EPERM") throw error; // EPERM: whoever looks for it names it as one that is left
  }
}

/** Every visible process, in no order. About 20 µs each. */
export function listProcesses(root = "/proc"): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const name of withDescriptors(() => readdirSync(root))) {
    if (!/^[1-9]\d*$/.test(name)) continue;
    const info = readProcess(Number(name), root);
    if (info !== null) found.push(info);
  }
  return found;
}

/** One variable of the environment a process was started with; null when it has none or may not be read. */
export function readProcessEnv(pid: number, name: string, root = "/proc"): string | null {
  const text = readText(`${root}/${pid}/environ`);
  if (text === null) return null;
  const prefix = `${name}=`;
  const entry = text.split("\0").find((line) => line.startsWith(prefix));
  return entry === undefined ? null : entry.slice(prefix.length);
}

/** Changes with every boot: a pid recorded under another id is dead. Empty where the kernel does not tell. */
export function readBootId(root = "/proc"): string {
  return (readText(`${root}/sys/kernel/random/boot_id`) ?? "").trim();
}

/** Ms since the boot, suspended or not; null where the kernel does not tell. */
export function readUptimeMs(root = "/proc"): number | null {
  const seconds = Number((readText(`${root}/uptime`) ?? "").split(" ")[0] || NaN);
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : null;
}

/**
 * The name stands in parentheses and may itself hold parentheses, spaces and newlines: fields are counted from the last
 * `)`.
 */
function parseStat(text: string | null): ProcessInfo | null {
  if (text === null) return null;
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).split(" ");
  const number = (index: number): number => Number(fields[index] ?? NaN);
  const info: ProcessInfo = {
    pid: Number.parseInt(text, 10),
    name: text.slice(open + 1, close),
    state: fields[0] ?? "X",
    ppid: number(1),
    group: number(2),
    session: number(3),
    startTicks: number(19),
  };
  return Number.isInteger(info.pid) && Number.isInteger(info.startTicks) ? info : null;
}

function readText(path: string): string | null {
  try {
    return withDescriptors(() => readFileSync(path, "latin1"));
  } catch (error) {
    // "Cannot look" is never "is not there": a living process would be taken for dead.
    if (isShortage(error)) throw error;
    return null; // ended meanwhile, or hidden from us: both mean "not there"
  }
}
