/**
 * Machines that reach each other over a network alone: a namespace each, on a bridge that this machine is on as well.
 * A machine can be taken off the network and put back, as by pulling its cable. Needs root.
 */
import { randomInt } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY } from "./binary.ts";
import { installed } from "./apt.ts";

export interface Networks {
  /** This machine's address on the bridge, and the network in CIDR. */
  readonly address: string;
  readonly network: string;
  machine(name: string): Host;
  close(): void;
}

export interface Host {
  readonly address: string;
  /** The daemon, started in there. */
  readonly binary: string;
  /** What a command is put behind, to be run in there. */
  readonly enter: readonly string[];
  plug(connected: boolean): void;
}

/** Why there are none here; null when there can be. */
export async function networksProblem(): Promise<string | null> {
  if (process.getuid?.() !== 0) return "not root";
  if ((await installed("ip", "iproute2")) === null) return "no ip";
  const probe = `ah-probe-${process.pid}`;
  const can = Bun.spawnSync(["ip", "netns", "add", probe]).exitCode === 0;
  Bun.spawnSync(["ip", "netns", "del", probe]);
  return can ? null : "no network namespaces";
}

export function makeNetworks(names: readonly string[]): Networks {
  const dir = mkdtempSync(join(tmpdir(), "ah-net-"));
  chmodSync(dir, 0o755);
  // Short: the name of an interface has 15 letters at most.
  const id = `${process.pid % 100_000}`;
  const bridge = `ahb${id}`;
  const subnet = `10.${randomInt(100, 250)}.${randomInt(1, 250)}`;
  const hosts = new Map<string, Host>();
  const made: (() => void)[] = [];
  const close = (): void => {
    for (const undo of made.reverse()) undo();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    ip("link", "add", bridge, "type", "bridge");
    made.push(() => ip("link", "del", bridge));
    ip("addr", "add", `${subnet}.1/24`, "dev", bridge);
    ip("link", "set", bridge, "up");
    for (const [i, name] of names.entries()) {
      const space = `ah${id}-${i}`;
      const [near, far] = [`ahn${id}-${i}`, `ahf${id}-${i}`];
      const address = `${subnet}.${i + 2}`;
      ip("netns", "add", space);
      made.push(() => ip("netns", "del", space));
      ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", space);
      ip("link", "set", near, "master", bridge, "up");
      ip("-n", space, "addr", "add", `${address}/24`, "dev", far);
      ip("-n", space, "link", "set", far, "up");
      ip("-n", space, "link", "set", "lo", "up");
      const binary = join(dir, name);
      const path = ["/run/netns", "/var/run/netns"].map((each) => join(each, space)).find(existsSync);
      const enter = ["nsenter", `--net=${path}`];
      writeFileSync(binary, `#!/bin/sh\nexec ${enter.join(" ")} '${BINARY}' "$@"\n`, { mode: 0o755 });
      hosts.set(name, {
        address,
        binary,
        enter,
        plug: (connected) => ip("link", "set", near, connected ? "up" : "down"),
      });
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    address: `${subnet}.1`,
    network: `${subnet}.0/24`,
    machine(name) {
      const found = hosts.get(name);
      if (found === undefined) throw new Error(`there is no machine ${name}`);
      return found;
    },
    close,
  };
}

function ip(...argv: string[]): void {
  const run = Bun.spawnSync(["ip", ...argv]);
  if (run.exitCode !== 0) throw new Error(`ip ${argv.join(" ")}: ${run.stderr.toString()}`);
}
