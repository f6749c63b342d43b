/**
 * The one door through which either program asks another over HTTP. What speaks to this machine (our own daemon, a
 * program that we started, a receiver beside us) never goes through a proxy of the environment: it would get the token,
 * and knows another loopback than ours. What leaves the machine goes as the environment says, `NO_PROXY` included. A
 * redirect is an answer like any other: nothing is sent on to an address that nobody named.
 */
import { hostname, networkInterfaces } from "node:os";
import { withRequestThread } from "./descriptors.ts";
import { hostOf, isLoopback } from "./ip.ts";

export interface RequestOptions extends RequestInit {
  /** Path of the unix socket to speak through. */
  readonly unix?: string;
  /** false = the answer may take for ever (a stream, a long poll). */
  readonly timeout?: false;
}

/** Rejects with EMFILE where there are no descriptors for it. */
export async function request(url: string | URL, options: RequestOptions = {}): Promise<Response> {
  const direct = options.unix !== undefined || staysHere(hostOf(url), thisMachine);
  const ask = (): Promise<Response> =>
    fetch(url, { redirect: "manual", ...options, ...(direct ? { proxy: false } : {}) });
  return withRequestThread(ask);
}

export interface Machine {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Is this host (as of `hostOf`) the machine that we run on? `machine` is asked only when the name does not tell. */
export function staysHere(host: string, machine: () => Machine): boolean {
  if (isLoopback(host)) return true;
  const { name, addresses } = machine();
  return host === name.toLowerCase() || addresses.includes(host);
}

/** As it is now: addresses come and go. */
function thisMachine(): Machine {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
  return { name: hostname(), addresses };
}
