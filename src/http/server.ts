/** One listener, on TCP or on a unix socket: binding with clear errors, and an orderly stop. */
import { lstatSync, unlinkSync } from "node:fs";
import type { Address } from "../lib/address.ts";
import { HarnessError, errorCode, errorText } from "../lib/errors.ts";
import type { App } from "./router.ts";
import { IDLE_SECONDS, MAX_BODY_BYTES } from "./router.ts";

export interface ListenOptions {
  readonly address: Address;
  readonly app: App;
  /** The limit of the app; the runtime's own is set above it, because its refusal is a bare 413. */
  readonly maxBodyBytes?: number;
  /** An address that the machine does not have yet is tried again for so long. */
  readonly waitForAddressMs?: number;
}

export interface Listener {
  /** `http://127.0.0.1:7070`, or `unix:/path`. */
  readonly url: string;
  /** The bound port; null on a unix socket. */
  readonly port: number | null;
  /** No new requests, streams ended; running requests get `graceMs`, then everything is cut. Safe to call twice. */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

export interface Listeners extends Pick<Listener, "stop"> {
  readonly urls: readonly string[];
}

const MIB = 1024 * 1024;
const ADDRESS_RETRY_MS = 250;
/**
 * A program that is killed while it starts another leaves its sockets with that one until it has become what it is to
 * be: 13 ms were seen at rest and 68 ms on a busy machine, and whoever starts it again at once finds its address taken.
 */
const HELD_MS = 2000;

/** Throws ADDRESS_IN_USE or LISTEN_FAILED. On a unix path the caller must hold the lock of the state dir: a socket that
 *  nobody answers on is taken for stale and removed. */
export async function listen({ waitForAddressMs = 0, ...options }: ListenOptions): Promise<Listener> {
  for (let waitedMs = 0; ; waitedMs += ADDRESS_RETRY_MS) {
    try {
      return await listenOnce(options);
    } catch (error) {
      const { code, cause } = error as HarnessError; // of any other error both are undefined
      const mostMs = code === "ADDRESS_IN_USE" ? HELD_MS : errorCode(cause) === "EADDRNOTAVAIL" ? waitForAddressMs : 0;
      if (waitedMs >= mostMs) throw error;
    }
    await Bun.sleep(ADDRESS_RETRY_MS);
  }
}

/** On all of them, or on none. */
export async function listenAll(
  addresses: readonly Address[],
  options: Omit<ListenOptions, "address">,
): Promise<Listeners> {
  const listeners: Listener[] = [];
  const stop: Listener["stop"] = async (how) => void (await Promise.all(listeners.map((each) => each.stop(how))));
  try {
    for (const address of addresses) listeners.push(await listen({ ...options, address }));
    return { urls: listeners.map(({ url }) => url), stop };
  } catch (error) {
    await stop({ graceMs: 0 });
    throw error;
  }
}

async function listenOnce({ address, app, maxBodyBytes = MAX_BODY_BYTES }: ListenOptions): Promise<Listener> {
  const common = {
    maxRequestBodySize: maxBodyBytes + MIB,
    // Only reached by a bug outside of the app's own boundary; never a page with a stack.
    error: () => Response.json({ error: "INTERNAL", message: "something went wrong here" }, { status: 500 }),
  };
  if (address.type === "unix") await removeStaleSocket(address.path);
  const server = bind(address, () => {
    if (address.type === "tcp") {
      const { host: hostname, port } = address;
      const fetch = (req: Request, server: Bun.Server<undefined>): Promise<Response> => app.fetch(req, server);
      return Bun.serve({ ...common, hostname, port, idleTimeout: IDLE_SECONDS, fetch });
    }
    const umask = process.umask(0o177);
    try {
      // On a unix socket the idle timeout can only be set request by request.
      const fetch = (req: Request, server: Bun.Server<undefined>): Promise<Response> => {
        server.timeout(req, IDLE_SECONDS);
        return app.fetch(req, server);
      };
      return Bun.serve({ ...common, unix: address.path, fetch });
    } finally {
      process.umask(umask);
    }
  });
  if (address.type === "unix" && address.group !== undefined) {
    try {
      (await import("./socket-group.ts")).shareWith(address.path, address.group);
    } catch (error) {
      await server.stop(true);
      unlinkIfThere(address.path);
      throw error;
    }
  }
  const port = address.type === "tcp" ? (server.port ?? address.port) : null;
  return {
    url: address.type === "unix" ? `unix:${address.path}` : `http://${inUrl(address.host)}:${port}`,
    port,
    async stop({ graceMs = 500 } = {}) {
      app.close();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([server.stop(false), grace]);
      clearTimeout(timer);
      await server.stop(true);
      if (address.type === "unix") unlinkIfThere(address.path);
    },
  };
}

function bind<S>(address: Address, serve: () => S): S {
  try {
    return serve();
  } catch (error) {
    const where = address.type === "tcp" ? `${inUrl(address.host)}:${address.port}` : `unix:${address.path}`;
    const code = errorCode(error);
    if (code === "EADDRINUSE") {
      throw new HarnessError(
        "ADDRESS_IN_USE",
        `cannot listen on ${where}: another program uses it; stop that one or choose another port`,
        { cause: error },
      );
    }
    const why: Record<string, string> = {
      EACCES: "permission denied; ports below 1024 need a privilege, a unix socket needs a writable folder",
      EADDRNOTAVAIL: "this machine has no such address",
      ENAMETOOLONG: "the path is too long for a unix socket (107 bytes)",
      ENOENT: "there is no such folder",
    };
    throw new HarnessError("LISTEN_FAILED", `cannot listen on ${where}: ${why[code ?? ""] ?? errorText(error)}`, {
      cause: error,
    });
  }
}

const inUrl = (host: string): string => (host.includes(":") ? `[${host}]` : host);

/** A socket file stays behind after a kill -9 and blocks the next bind. */
async function removeStaleSocket(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isSocket()) {
    throw new HarnessError(
      "LISTEN_FAILED",
      `cannot listen on unix:${path}: a file that is no socket is in the way; move it or choose another path`,
    );
  }
  if (await answers(path)) {
    throw new HarnessError(
      "ADDRESS_IN_USE",
      `cannot listen on unix:${path}: another program uses it; stop that one or choose another path`,
    );
  }
  unlinkIfThere(path);
}

async function answers(path: string): Promise<boolean> {
  const { connect } = await import("node:net"); // for this question alone
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // EAGAIN = somebody listens whose backlog is full; only a refusal means that nobody does.
    socket.once("error", (error) => resolve(errorCode(error) !== "ECONNREFUSED" && errorCode(error) !== "ENOENT"));
  });
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
