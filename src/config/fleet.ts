/**
 * The part of the config that joins this box to a fleet. Absent, there is no fleet: nothing of it is loaded. The
 * address of the database may hold a password: it is never repeated, and leaves the process towards the database
 * alone.
 */
import type { Infer, Schema } from "../lib/check.ts";
import { boolean, integer, object, oneOf, optional, record, refined, string } from "../lib/check.ts";
import { isLoopback } from "../lib/ip.ts";
import { NAME } from "../words/names.ts";
import type { ResolveContext } from "./load.ts";
import { secretPath } from "./values.ts";

const FLEET_ROLES = ["shared", "perNode"] as const;
export type FleetRoles = (typeof FLEET_ROLES)[number];

export interface FleetConfig {
  /** `postgres://…`, with the TLS mode that will be used. */
  readonly url: string;
  /** null = the host's short name. */
  readonly node: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Most agents taken from the pool that are busy at once; null = the number of cores. */
  readonly capacity: number | null;
  readonly schema: string;
  /** false = others may read what is mirrored, and ask nothing of this box. */
  readonly acceptCalls: boolean;
  /** The database is behind a pooler that gives a connection for one transaction only. */
  readonly pooler: boolean;
  readonly relayTtlMs: number;
  /** `perNode`: each box logs in as a role of its own, and the database keeps their rows apart. */
  readonly roles: FleetRoles;
  /** Base64 of 32 bytes each: the first seals secrets of tasks, all open them. */
  readonly keys: readonly string[];
}

const MAX_LABELS = 16;
const HALF_A_DAY_MS = 12 * 60 * 60 * 1000;

const databaseUrl: Schema<string> = refined(string({ min: 1, max: 2048, secret: true }), (text) => {
  const url = URL.parse(text);
  return url !== null && /^postgres(ql)?:$/.test(url.protocol) && (url.hostname !== "" || socketOf(url) !== null)
    ? undefined
    : "the address of a PostgreSQL database as postgres://user@host/database";
});

const MAX_KEYS = 5;

/** Several while one is replaced by another. */
const sealingKeys: Schema<string> = refined(string({ min: 1, max: 512, secret: true }), (text) => {
  const keys = text.split(",");
  return keys.length <= MAX_KEYS && keys.every((key) => /^[A-Za-z0-9+/]{43}=$/.test(key))
    ? undefined
    : `base64 of 32 random bytes (openssl rand -base64 32), or up to ${MAX_KEYS} of them with commas between, the newest first`;
});

export const fleetSchema = object({
  url: optional(databaseUrl),
  urlFile: optional(secretPath),
  key: optional(sealingKeys),
  keyFile: optional(secretPath),
  node: optional(string({ pattern: NAME, what: "a name of 1 to 64 letters, digits, dots, dashes or underscores" })),
  labels: optional(
    record(string({ max: 64, pattern: /^[\x20-\x7e]*$/, what: "printable ASCII" }), {
      maxKeys: MAX_LABELS,
      keyPattern: NAME,
      keyWhat: "a label of 1 to 64 letters, digits, dots, dashes or underscores",
    }),
  ),
  capacity: optional(integer({ min: 0, max: 10_000 })),
  schema: optional(
    string({ pattern: /^[a-z_][a-z0-9_]{0,62}$/, what: "the name of a schema in small letters, digits and _" }),
  ),
  acceptCalls: optional(boolean()),
  pooler: optional(boolean()),
  roles: optional(oneOf(...FLEET_ROLES)),
  relayTtlMs: optional(integer({ min: 1000, max: HALF_A_DAY_MS })),
});
export type FleetFile = Infer<typeof fleetSchema>;

/** undefined: no fleet, or none that can be joined (which is then a problem of the config). */
export function resolveFleet(file: FleetFile | undefined, context: ResolveContext): FleetConfig | undefined {
  if (file === undefined) return undefined;
  const url = context.secret("fleet.url", file.url, "fleet.urlFile", file.urlFile, databaseUrl);
  if (url === undefined) {
    if (file.urlFile === undefined && !context.broken("fleet"))
      context.problem("fleet.url", "missing, expected the database of the fleet; or fleet.urlFile, or AH_FLEET_URL");
    return undefined;
  }
  const key = context.secret("fleet.key", file.key, "fleet.keyFile", file.keyFile, sealingKeys);
  return {
    url: withTls(url),
    node: file.node ?? null,
    labels: file.labels ?? {},
    capacity: file.capacity ?? null,
    schema: file.schema ?? "agent_harness",
    acceptCalls: file.acceptCalls ?? true,
    pooler: file.pooler ?? false,
    roles: file.roles ?? "shared",
    relayTtlMs: file.relayTtlMs ?? 600_000,
    keys: key?.split(",") ?? [],
  };
}

/** What this box is called in its fleet: the configured name, or what of the host's can be one. */
export function nodeNameOf({ node }: Pick<FleetConfig, "node">, hostname: string): string {
  if (node !== null) return node;
  const [short = ""] = hostname.split(".");
  return (
    short
      .replaceAll(/[^A-Za-z0-9._-]/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, 64) || "node"
  );
}

/** The folder of the unix socket, where the address names one (`?host=/run/postgresql`). */
export function socketOf(url: URL): string | null {
  const host = url.searchParams.get("host");
  return host?.startsWith("/") === true ? host : null;
}

/** What is not this machine is spoken to over TLS with its name checked, unless the address says otherwise. */
function withTls(text: string): string {
  const url = new URL(text);
  if (url.searchParams.has("sslmode") || socketOf(url) !== null) return text;
  const local = url.hostname === "localhost" || isLoopback(url.hostname.replace(/^\[|\]$/g, ""));
  url.searchParams.set("sslmode", local ? "disable" : "verify-full");
  return url.href;
}
