/**
 * How the commands talk to the daemon: address and token from options, environment or config, over TCP or the unix
 * socket.
 */
import { loadHarnessConfig } from "../config/harness.ts";
import { formatProblems } from "../config/load.ts";
import { HarnessError, errorCode, errorText } from "../lib/errors.ts";
import type { ParsedArgs } from "./args.ts";
import { usage } from "./args.ts";
import type { Environment } from "./main.ts";

export interface Client {
  readonly url: string;
  /** Throws UNREACHABLE, UNAUTHORIZED, or the API's own error. */
  get(path: string, timeoutMs?: number): Promise<unknown>;
}

const TIMEOUT_MS = 10_000;

export function createClient(args: ParsedArgs, env: Environment): Client {
  const given = args.values.get("url") ?? env["AH_URL"];
  const { url, socket, token } =
    given === undefined
      ? fromConfig(args, env)
      : { url: checked(given), socket: undefined, token: env["AH_AUTH_TOKEN"] };
  return {
    url: socket === undefined ? url : `unix:${socket}`,
    async get(path, timeoutMs = TIMEOUT_MS) {
      let response: Response;
      try {
        response = await fetch(`${url}${path}`, {
          headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
          signal: AbortSignal.timeout(timeoutMs),
          ...(socket === undefined ? {} : { unix: socket }),
        });
      } catch (error) {
        throw new HarnessError(
          "UNREACHABLE",
          `nothing answers at ${socket ?? url}: is agent-harness serve running? (${errorCode(error) ?? errorText(error)})`,
          { status: 503 },
        );
      }
      const body: unknown = await response.json().catch(() => null);
      if (response.ok) return body;
      const { error: code = "ERROR", message = `HTTP ${response.status}` } = (body ?? {}) as {
        error?: string;
        message?: string;
      };
      throw new HarnessError(response.status === 401 ? "UNAUTHORIZED" : code, message, { status: response.status });
    },
  };
}

function checked(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:"))
    throw usage(`got the address ${JSON.stringify(url)}, expected http://host:port`);
  return url.replace(/\/+$/, "");
}

function fromConfig(
  args: ParsedArgs,
  env: Environment,
): { url: string; socket: string | undefined; token: string | undefined } {
  const path = args.values.get("config");
  const loaded = loadHarnessConfig({ env, ...(path === undefined ? {} : { path }) });
  if (!loaded.ok) throw usage(formatProblems(loaded.problems, loaded.source));
  const { host, port, socketPath, auth } = loaded.value;
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return {
    url: `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`,
    socket: socketPath,
    token: auth.token,
  };
}
