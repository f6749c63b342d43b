/**
 * What an agent's runs left behind and nobody ended: a daemon that a finished command started on purpose, a program
 * that left its parent and its session. Without a control group no list is complete: those that carry a nonce of the
 * agent are found, those that do not only when an earlier scan had seen them.
 */
import type { Clock } from "../lib/clock.ts";
import { waitUntil } from "../lib/wait.ts";
import { NONCE_ENV } from "./identity.ts";
import { isDead, listProcesses, lives, readProcessEnv, signal } from "./proc.ts";
import type { ProcessInfo } from "./proc.ts";

const KILL_MS = 2000;
/** Against one that forks faster than it is ended. */
const MOST_ROUNDS = 20;

/** Living ones and what they started. One scan of `/proc`. */
export function leftoversOf(nonces: ReadonlySet<string>, known: readonly ProcessInfo[]): ProcessInfo[] {
  if (nonces.size === 0 && known.length === 0) return [];
  const living = listProcesses().filter((info) => !isDead(info) && info.pid !== 1 && info.pid !== process.pid);
  const seen = new Set(known.map(({ pid, startTicks }) => `${pid} ${startTicks}`));
  const members = new Map<number, ProcessInfo>();
  for (const info of living) {
    const nonce = readProcessEnv(info.pid, NONCE_ENV) ?? "";
    if (seen.has(`${info.pid} ${info.startTicks}`) || nonces.has(nonce)) members.set(info.pid, info);
  }
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const info of living) if (members.has(info.ppid)) members.set(info.pid, info);
  }
  return [...members.values()];
}

/** Ends them; gives those that live on all the same (another user's, or stuck in the kernel). */
export async function endLeftovers(
  nonces: ReadonlySet<string>,
  known: readonly ProcessInfo[],
  clock: Clock,
): Promise<readonly ProcessInfo[]> {
  let left = leftoversOf(nonces, known);
  for (let round = 0; left.length > 0 && round < MOST_ROUNDS; round++) {
    for (const info of left) signal(info, "SIGSTOP"); // stopped first: none starts another meanwhile
    const all = leftoversOf(nonces, [...known, ...left]);
    for (const info of all) signal(info, "SIGKILL");
    await waitUntil(clock, () => !all.some(lives), KILL_MS);
    const next = leftoversOf(nonces, [...known, ...all]);
    const stuck = next.every((info) =>
      all.some(({ pid, startTicks }) => pid === info.pid && startTicks === info.startTicks),
    );
    left = next;
    if (stuck) break;
  }
  return left;
}
