/** Where the daemon is and what it wants to hear: `--url`, `AH_URL`, else the config. A token is never a flag. */
import { accessSync, constants } from "node:fs";
import { loadClientConfig } from "../config/client.ts";
import { formatProblems } from "../config/load.ts";
import type { Args } from "./args.ts";
import { usage } from "./args.ts";
import type { Environment } from "../config/load.ts";
import { given } from "../lib/given.ts";

export interface Address {
  /** Base of every request, without a slash at the end. */
  readonly url: string;
  readonly socket: string | null;
  /** Where a browser finds the page; null: nowhere. */
  readonly page: string | null;
  /** For people: the URL, or `unix:/path`. */
  readonly shown: string;
  readonly token: string | null;
  readonly tokenProblem: string | null;
}

export function findAddress(args: Args, env: Environment): Address {
  const given = args.value("url") ?? (env["AH_URL"] === "" ? undefined : env["AH_URL"]);
  if (given === undefined) return fromConfig(args, env);
  // A token of the config is for the daemon of the config: it is not sent to an address that somebody typed.
  const token = env["AH_AUTH_TOKEN"] === "" ? null : (env["AH_AUTH_TOKEN"] ?? null);
  const socket = /^unix:(\/.+)$/.exec(given)?.[1] ?? null;
  if (socket !== null) return { ...atSocket(socket), page: null, token, tokenProblem: null };
  const url = checkedUrl(given);
  return { url, socket: null, shown: url, page: url, token, tokenProblem: null };
}

const atSocket = (socket: string) => ({ url: "http://localhost", socket, shown: `unix:${socket}` });

/** May we use it? Who may not takes the daemon's other address. */
function isOpenToUs(socket: string): boolean {
  try {
    accessSync(socket, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function checkedUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:"))
    throw usage(`got the address ${JSON.stringify(url)}, expected http://host:port or unix:/path`);
  return url.replace(/\/+$/, "");
}

function fromConfig(args: Args, env: Environment): Address {
  const path = args.value("config");
  const loaded = loadClientConfig({ env, ...given({ path }) });
  if (!loaded.ok) throw usage(formatProblems(loaded.problems, loaded.source));
  const { addresses, token, tokenProblem } = loaded.value;
  const [socket] = addresses.flatMap((each) => (each.type === "unix" ? [each.path] : []));
  const [url] = addresses.flatMap((each) => (each.type === "tcp" ? [urlOf(each)] : []));
  const rest = { page: url ?? null, token, tokenProblem };
  if (socket !== undefined && (url === undefined || isOpenToUs(socket))) return { ...atSocket(socket), ...rest };
  if (url === undefined) throw new Error("the config names no address");
  return { url, socket: null, shown: url, ...rest };
}

function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
