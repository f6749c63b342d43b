/** Every key with its value and where the value came from, for people who ask why. Secrets are counted, not shown. */
import { isObject } from "../lib/check.ts";
import type { FileOptions } from "./file.ts";
import { findFile, parseFile } from "./file.ts";
import type { ConfigResult, ConfigSpec, ResolveContext } from "./load.ts";
import { loadConfig } from "./load.ts";

export interface KeyOrigin {
  readonly key: string;
  /** undefined: not set, and without a default. */
  readonly value: unknown;
  /** `default`, `file`, or the variable's name. */
  readonly origin: string;
}

interface SchemaJson {
  readonly properties?: Readonly<Record<string, SchemaJson>>;
  readonly additionalProperties?: SchemaJson | boolean;
}

const SECRET = /(^|\.)(token|secret)$|^fleet\.(url|key)$/;
const VARIABLES = /^providers\.[^.]+\.env$/;

/** Files of secrets are named, never opened: they may be readable for the daemon's unit alone. */
export function keyOrigins<F, T>(spec: ConfigSpec<F, T>, options: FileOptions): ConfigResult<readonly KeyOrigin[]> {
  const raw = parseFile(findFile(spec, options, [])?.text ?? "{}", []) ?? {};
  const schema: SchemaJson = spec.schema.json;
  return loadConfig<F, readonly KeyOrigin[]>(
    {
      ...spec,
      resolve(file, context) {
        const quiet: ResolveContext = { ...context, problem: () => undefined, secret: (_key, value) => value };
        const [given, resolved]: unknown[] = [file, spec.resolve(file, quiet)];
        const names = isObject(raw["providers"]) ? Object.keys(raw["providers"]) : [];
        return keysOf(schema, names).map((key) => {
          const variable = spec.env.find((each) => each.key.join(".") === key)?.variable;
          const fromEnv = variable !== undefined && options.env[variable] !== undefined;
          const set = at(given, key);
          const origin = fromEnv && set !== undefined ? variable : at(raw, key) !== undefined ? "file" : "default";
          return { key, value: masked(key, set ?? at(resolved, key)), origin };
        });
      },
    },
    options,
  );
}

function keysOf(schema: SchemaJson, names: readonly string[], path = ""): string[] {
  const below = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, inner]) => keysOf(inner, names, below(name)));
  const inner = schema.additionalProperties;
  if (path === "providers" && typeof inner === "object")
    return names.flatMap((name) => keysOf(inner, names, below(name)));
  return [path];
}

function at(value: unknown, key: string): unknown {
  let found = value;
  for (const name of key.split(".")) found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  return found;
}

function masked(key: string, value: unknown): unknown {
  if (typeof value === "string" && SECRET.test(key)) return `set (${value.length} characters)`;
  if (VARIABLES.test(key) && isObject(value))
    return Object.fromEntries(Object.keys(value).map((name) => [name, "set"]));
  if (key === "webhook.url" && typeof value === "string") return withoutCredentials(value);
  return value;
}

/** The user part and the query of an address may be secrets. */
function withoutCredentials(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return "set";
  const hides = parsed.search !== "" || parsed.username !== "" || parsed.password !== "";
  return `${parsed.origin}${parsed.pathname}${hides ? "?…" : ""}`;
}
