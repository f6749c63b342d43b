/** Where the daemon is and what it wants to hear: `--url`, `AH_URL`, else the config. A token is never a flag. */
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
  if (socket !== null) return { ...atSocket(socket), token, tokenProblem: null };
  const url = checkedUrl(given);
  return { url, socket: null, shown: url, token, tokenProblem: null };
}

const atSocket = (socket: string) => ({ url: "http://localhost", socket, shown: `unix:${socket}` });

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
  const { host, port, socketPath, token, tokenProblem } = loaded.value;
  if (socketPath !== null) return { ...atSocket(socketPath), token, tokenProblem };
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const url = `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
  return { url, socket: null, shown: url, token, tokenProblem };
}
