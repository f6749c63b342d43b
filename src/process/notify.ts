/**
 * sd_notify(3): what a service tells its manager over the datagram socket that `$NOTIFY_SOCKET` names. Sends from this
 * very process, because `NotifyAccess=main` lets nobody else speak for it, and the runtime has no datagram unix
 * sockets of its own. Does nothing where no manager listens; a message that cannot be sent is never an error.
 */
import { errorText } from "../lib/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Notifier {
  /** One datagram of `NAME=value` lines (`READY=1`, `STATUS=…`); true when the kernel took it. */
  send(...lines: readonly string[]): boolean;
}

/** Numbers of Linux on x86-64 and arm64 (socket(2), unix(7), send(2)). */
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0o2000000 | 0o4000;
const MSG_NOSIGNAL = 0x4000;
const PATH_BYTES = 108;

/** Null without `$NOTIFY_SOCKET`, or where it cannot be used: then `warn` says why. */
export async function openNotifier(env: Environment, warn: (message: string) => void): Promise<Notifier | null> {
  const socket = env["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return null;
  const address = unixAddress(socket);
  if (address === null) {
    warn(`NOTIFY_SOCKET is ${JSON.stringify(socket)}, expected a path or an abstract name (@…) of at most 107 bytes`);
    return null;
  }
  try {
    return await notifierOver(address);
  } catch (error) {
    warn(`cannot tell the service manager anything: ${errorText(error)}`);
    return null;
  }
}

/**
 * A `sockaddr_un` (unix(7)): an abstract name has a NUL where its `@` stands and no end mark, so the length counts.
 * Null for what is neither, or too long.
 */
export function unixAddress(socket: string): Uint8Array | null {
  if (!socket.startsWith("/") && !socket.startsWith("@")) return null;
  const name = new TextEncoder().encode(socket);
  if (name.length >= PATH_BYTES || name.includes(0)) return null;
  const abstract = socket.startsWith("@");
  const address = new Uint8Array(2 + name.length + (abstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  if (abstract) address[2] = 0;
  return address;
}

async function notifierOver(address: Uint8Array): Promise<Notifier> {
  const { dlopen } = await import("bun:ffi"); // only a service pays for it
  const libc = openFirst(["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`], (name) =>
    dlopen(name, {
      socket: { args: ["int", "int", "int"], returns: "int" },
      sendto: { args: ["int", "buffer", "usize", "int", "buffer", "u32"], returns: "i64" },
      close: { args: ["int"], returns: "int" },
    }),
  );
  const { socket, sendto, close } = libc.symbols;
  return {
    send(...lines) {
      const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
      if (fd < 0) return false;
      try {
        const message = new TextEncoder().encode(lines.map(oneLine).join("\n"));
        return Number(sendto(fd, message, message.length, MSG_NOSIGNAL, address, address.length)) === message.length;
      } finally {
        close(fd);
      }
    },
  };
}

function openFirst<T>(names: readonly string[], open: (name: string) => T): T {
  const failures: string[] = [];
  for (const name of names) {
    try {
      return open(name);
    } catch (error) {
      failures.push(errorText(error));
    }
  }
  throw new Error(`no C library can be loaded (${failures.join("; ")})`);
}

/** A line break would begin an assignment of its own. */
const oneLine = (line: string): string => line.replace(/[\r\n]+/g, " ");

/**
 * How often the manager wants a sign of life, in ms; null when it asks nothing of this process
 * (sd_watchdog_enabled(3): `WATCHDOG_PID`, where set, must be ours).
 */
export function watchdogMs(env: Environment, pid: number): number | null {
  const microseconds = Number(env["WATCHDOG_USEC"] ?? "");
  if (!Number.isSafeInteger(microseconds) || microseconds <= 0) return null;
  const asked = env["WATCHDOG_PID"];
  return asked !== undefined && asked !== String(pid) ? null : microseconds / 1000;
}
