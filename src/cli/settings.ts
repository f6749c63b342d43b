/** `key=value` words to a JSON Merge Patch. An empty value takes the key away. */
import { nearest } from "../lib/nearest.ts";
import { usage } from "./args.ts";

export type Patch = Record<string, unknown>;

/** How a key stands in the patch: its path, and whether its value is a truth. */
export interface Setting {
  /** `webhook.url`; `metadata.K` takes any key at its end. */
  readonly key: string;
  readonly path: readonly string[];
  readonly truth?: true;
  /** The value stands in an object, under this name. */
  readonly within?: string;
}

export function patchOf(words: readonly string[], settings: readonly Setting[]): Patch {
  const patch: Patch = {};
  const seen = new Set<string>();
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals < 1) throw usage(`got ${JSON.stringify(word)}, expected KEY=VALUE (an empty value takes it away)`);
    const [key, value] = [word.slice(0, equals), word.slice(equals + 1)];
    if (seen.has(key)) throw usage(`${key} stands more than once`);
    seen.add(key);
    const found = settings.find((each) => each.key === key) ?? settings.find((each) => openKey(each, key));
    if (found === undefined) {
      const known = settings.map((each) => each.key);
      const meant = nearest(key, known);
      throw usage(
        `there is no setting ${JSON.stringify(key)}; ${meant === undefined ? `known: ${known.join(", ")}` : `did you mean ${meant}?`}`,
      );
    }
    const path = found.key.endsWith(".K") ? [...found.path, key.slice(found.key.length - 1)] : found.path;
    const meant = found.within === undefined ? value : { [found.within]: value };
    put(patch, path, value === "" ? null : found.truth === true ? truthOf(key, value) : meant);
  }
  return patch;
}

const openKey = ({ key }: Setting, given: string): boolean =>
  key.endsWith(".K") && given.startsWith(key.slice(0, -1)) && given.length >= key.length;

function truthOf(key: string, value: string): boolean {
  if (value === "true" || value === "yes" || value === "1") return true;
  if (value === "false" || value === "no" || value === "0") return false;
  throw usage(`${key}: got ${JSON.stringify(value)}, expected true or false`);
}

/** `null` for the only member of a part takes the whole part away: a webhook without a URL is none. */
function put(patch: Patch, [first = "", second]: readonly string[], value: unknown): void {
  if (second === undefined) {
    patch[first] = value;
    return;
  }
  if (first === "webhook" && value === null) {
    patch[first] = null;
    return;
  }
  const inner = patch[first];
  patch[first] = { ...(typeof inner === "object" && inner !== null ? inner : {}), [second]: value };
}
