/**
 * Keeps web pages out. A page in the user's browser can reach a loopback port, with a name of its own that resolves to
 * 127.0.0.1 (DNS rebinding) or simply by a form: so `Host` must be a name that cannot be an attacker's, and a foreign
 * `Origin` is refused. Holds for every request, with or without a token, on TCP and on a unix socket.
 */
import { HarnessError } from "../lib/errors.ts";
import { isIP } from "../lib/ip.ts";

export interface Guard {
  /** Throws 403. */
  check(req: Request): void;
}

export interface GuardOptions {
  /** From the config, without port. */
  readonly allowedHosts: readonly string[];
  /** The machine's own names (`os.hostname()`). */
  readonly ownNames: readonly string[];
}

export function createGuard({ allowedHosts, ownNames }: GuardOptions): Guard {
  const names = new Set(["localhost", ...allowedHosts, ...ownNames].map(plainName));
  // Hosts repeat: parsing each once is enough, and the set cannot grow by refused ones.
  const known = new Set<string>();
  return {
    check(req) {
      const host = req.headers.get("host") ?? hostOfUrl(req.url);
      if (host === null || host === "") {
        throw new HarnessError("FORBIDDEN_HOST", "the request has no Host header");
      }
      if (!known.has(host)) {
        const name = nameOf(host);
        if (name === undefined || (!isAddress(name) && !names.has(plainName(name)))) throw forbiddenHost(host);
        if (known.size < 100) known.add(host);
      }
      const origin = req.headers.get("origin");
      if (origin !== null && !isOwnOrigin(origin, host)) {
        throw new HarnessError(
          "FORBIDDEN_ORIGIN",
          `requests from the web page ${JSON.stringify(origin.slice(0, 200))} are not accepted; call from outside a browser, or from the inspector`,
        );
      }
    },
  };
}

function forbiddenHost(host: string): HarnessError {
  return new HarnessError(
    "FORBIDDEN_HOST",
    `the Host ${JSON.stringify(host.slice(0, 200))} is not accepted: use an IP address or localhost, or add the name to allowedHosts`,
  );
}

/** Only a `Request` made in a program lacks the header while its URL has a host; off the wire both come from `Host`. */
function hostOfUrl(url: string): string | null {
  return URL.canParse(url) ? new URL(url).host : null;
}

/** The name without port and brackets; undefined when this is no host at all (`a b`, `x, y` from two headers). */
function nameOf(host: string): string | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/.exec(host);
  const bracketed = match?.[1];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : undefined;
  return match?.[2];
}

const isAddress = (name: string): boolean => isIP(name) !== 0;

/** DNS names know no case, and one trailing dot only says that they are complete. */
const plainName = (name: string): string => name.toLowerCase().replace(/\.$/, "");

/** Same host and port as the request came to. `null` (sandboxed frames, files) is nobody's own. */
function isOwnOrigin(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (url.protocol !== "http:" && url.protocol !== "https:") return false;
  // Browsers leave the default port out, on both sides.
  const own = `${url.protocol}//${host}`;
  return URL.canParse(own) && new URL(own).host === url.host;
}
