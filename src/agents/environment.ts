/** The child's environment, from an allow list: nothing of ours and nothing that nobody asked for gets in. Pure. */
import type { Traits } from "../providers/contract.ts";

const ALWAYS = [
  "PATH",
  "HOME",
  "LANG",
  "LC_*",
  "TERM",
  "USER",
  "LOGNAME",
  "SHELL",
  "TMPDIR",
  "TZ",
  "XDG_*",
  "SSH_AUTH_SOCK",
];
const PROXY_AND_CA = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "GIT_SSL_CAINFO",
];

export interface EnvironmentSources {
  /** The daemon's own. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly traits: Pick<Traits, "passEnv" | "stripEnv">;
  /** `providers.X.passEnv`: names, or prefixes ending in `*`. */
  readonly passEnv: readonly string[];
  /** `providers.X.env`. */
  readonly configured: Readonly<Record<string, string>>;
  /** The `env` of the request that made the agent. */
  readonly requested: Readonly<Record<string, string>>;
  /** AH_AGENT_ID, AH_PROJECT, AH_RUN. */
  readonly ours: Readonly<Record<string, string>>;
}

export function childEnvironment({
  inherited,
  traits,
  passEnv,
  configured,
  requested,
  ours,
}: EnvironmentSources): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (value === undefined || name.startsWith("AH_")) continue;
    const asked = matches(name, passEnv);
    const known = matches(name, ALWAYS) || matches(name, PROXY_AND_CA) || matches(name, traits.passEnv);
    // What marks a child session of the same program is stripped, unless the config names it on purpose.
    if (asked || (known && !matches(name, traits.stripEnv))) env[name] = value;
  }
  return { ...env, ...configured, ...requested, ...ours };
}

/** A name, or a prefix that ends in `*`. */
export function matches(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
}
