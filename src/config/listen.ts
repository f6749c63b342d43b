/**
 * Where the daemon listens: a unix socket, an address of the machine, or one of each. Pure; binding is `http/server`'s.
 */
import type { Infer, Schema } from "../lib/check.ts";
import { array, integer, oneOf, optional, refined, string } from "../lib/check.ts";
import type { Address } from "../lib/address.ts";
import { given } from "../lib/given.ts";
import { bindHost } from "./values.ts";

export const DEFAULT_HOST = "127.0.0.1";
export const DEFAULT_PORT = 7070;
const SOCKET = "unix:";
/** `sun_path` of unix(7), with the NUL behind it. */
const MAX_SOCKET_BYTES = 107;
const PLACE = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/;

type Tcp = Extract<Address, { readonly type: "tcp" }>;

/** `host:port`, `[::1]:port`. */
function tcpOf(text: string): Tcp | null {
  const [, bracketed, plain, digits = ""] = PLACE.exec(text) ?? [];
  const [host, port] = [bracketed ?? plain ?? "", Number(digits)];
  const good = bindHost.parse(host, "", []) !== undefined && (bracketed !== undefined) === host.includes(":");
  return good && digits !== "" && port <= 65_535 ? { type: "tcp", host, port } : null;
}

const place: Schema<string> = refined(
  string({
    min: 1,
    max: 4096,
    pattern: /^[^\0]+$/,
    what: 'a unix socket as "unix:/path" or an address as "host:port"',
  }),
  (text) => {
    if (text.startsWith(`${SOCKET}/`))
      return Buffer.byteLength(text.slice(SOCKET.length)) <= MAX_SOCKET_BYTES
        ? undefined
        : `a socket path of at most ${MAX_SOCKET_BYTES} bytes`;
    return tcpOf(text) === null ? 'a unix socket as "unix:/path" or an address as "host:port"' : undefined;
  },
);

const isSocket = (text: string): boolean => text.startsWith(SOCKET);

const one = (of: readonly string[], socket: boolean): boolean =>
  of.filter((each) => isSocket(each) === socket).length < 2;
const list = refined(array(place, { max: 2 }), (of) =>
  of.length > 0 && one(of, true) && one(of, false) ? undefined : "one unix socket, one address, or one of each",
);
const places: Schema<string | readonly string[]> = {
  expects: `${place.expects}, or a list of one of each`,
  json: { anyOf: [place.json, list.json] },
  parse: (value, path, issues) => (Array.isArray(value) ? list : place).parse(value, path, issues),
};

/** Keys of the file. */
export const listenKeys = {
  host: optional(bindHost),
  port: optional(integer({ min: 0, max: 65_535 })),
  listen: optional(places),
  listenMode: optional(oneOf("0600", "0660")),
  listenGroup: optional(
    string({ max: 64, pattern: /^[A-Za-z0-9_][A-Za-z0-9._-]*\$?$/, what: "the name or number of a group" }),
  ),
};
type Keys = { readonly [K in keyof typeof listenKeys]?: Infer<(typeof listenKeys)[K]> };

/** At least one, in the order of the file. `problem` hears what the keys together have wrong. */
export function addressesOf(file: Keys, problem: (path: string, message: string) => void): readonly Address[] {
  const places = typeof file.listen === "string" ? [file.listen] : (file.listen ?? []);
  const addresses = places.flatMap((text): readonly Address[] => {
    const tcp = isSocket(text) ? null : tcpOf(text);
    if (tcp !== null) return [tcp];
    return [{ type: "unix", path: text.slice(SOCKET.length), ...given({ group: file.listenGroup }) }];
  });
  if (addresses.some(({ type }) => type === "tcp"))
    for (const key of ["host", "port"] as const)
      if (file[key] !== undefined)
        problem(key, `got ${JSON.stringify(file[key])}, expected nothing here: listen names the address`);
  const shared = file.listenMode === "0660";
  if (shared && file.listenGroup === undefined)
    problem("listenMode", 'got "0660", expected listenGroup beside it: the group that may use the socket');
  if (!shared && file.listenGroup !== undefined)
    problem("listenGroup", `got ${JSON.stringify(file.listenGroup)}, expected listenMode "0660" beside it`);
  if (shared && places.length > 0 && !places.some(isSocket))
    problem("listenMode", 'got "0660", expected a unix socket in listen');
  const { host = DEFAULT_HOST, port = DEFAULT_PORT } = file;
  return addresses.length > 0 ? addresses : [{ type: "tcp", host, port }];
}
