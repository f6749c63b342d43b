/** The processes of a storm's box, by what they are; found by the box's folder in their environment or arguments. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export type Role = "program" | "bridge" | "server" | "wrapper" | "writer" | "child" | "other";

export interface Found {
  readonly pid: number;
  readonly agent: string | null;
  readonly role: Role;
  readonly words: string;
}

/** Living ones; zombies are not. `not`: our own. */
export function processesOf(dir: string, not: ReadonlySet<number>): readonly Found[] {
  const found: Found[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || not.has(pid)) continue;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
      const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
      if (!environment.includes(dir) && !words.includes(dir)) continue;
      if (stateOf(pid) === "Z") continue;
      const agent = /(?:^|\0)AH_AGENT_ID=([0-9a-f]{8})(?:\0|$)/.exec(environment)?.[1] ?? agentIn(words);
      found.push({ pid, agent, role: roleOf(words), words: words.slice(0, 120) });
    } catch {
      // gone meanwhile
    }
  }
  return found;
}

function roleOf(words: string): Role {
  if (words.includes("ah-spool")) return "writer";
  if (/\/fakes\/opencode\.ts/.test(words) && words.includes("serve")) return "server";
  if (words.includes(" bridge ")) return "bridge";
  if (words.startsWith("sleep ")) return "child";
  if (words.startsWith("/bin/sh")) return "wrapper";
  return /\/fakes\/[a-z-]+\.ts/.test(words) ? "program" : "other";
}

function agentIn(words: string): string | null {
  return /\/agents\/([0-9a-f]{8})\//.exec(words)?.[1] ?? null;
}

export function stateOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.[0] ?? null;
  } catch {
    return null;
  }
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** What they lead to, by kind, for a person who looks for a leak: `12 socket, 3 /state/harness.db`. */
export function descriptorKinds(pid: number): string {
  const counts = new Map<string, number>();
  const connections = connectionsOf(pid);
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
      const kind = connections.get(link) ?? link.replace(/:\[.*$/, "");
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    } catch {
      // closed meanwhile
    }
  }
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
}

/** As the kernel numbers the states of TCP. */
const TCP_STATES: Readonly<Record<string, string>> = { "01": "established", "08": "half closed", "0A": "listening" };

/** By the link of its descriptor: the ports of a TCP socket, and its state. */
function connectionsOf(pid: number): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, "latin1").split("\n")) {
    const [, local = "", remote = "", state = "", , , , , , inode] = line.trim().split(/\s+/);
    const [from, to] = [local, remote].map((address) => Number.parseInt(address.split(":")[1] ?? "", 16));
    if (inode !== undefined) found.set(`socket:[${inode}]`, `socket ${from}-${to} ${TCP_STATES[state] ?? state}`);
  }
  return found;
}

/** In KiB: what is its own and cannot be read again from a file. */
export function anonymousKiB(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  return Number(/^Anonymous:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
}

/** Zombies that wait for this process. */
export function zombiesOf(parent: number): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const [state, ppid] = (readFileSync(`/proc/${name}/stat`, "latin1").split(") ").at(-1) ?? "").split(" ");
      return state === "Z" && Number(ppid) === parent;
    } catch {
      return false;
    }
  }).length;
}

export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // gone meanwhile
  }
}
