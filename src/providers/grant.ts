/**
 * What `allow_always` covers, as a codec remembers it for the agent's life and compares it with what is asked next. The
 * same thing has the same name; a long one goes by its hash, because what is remembered is written with every commit.
 */
import { sha256 } from "../lib/digest.ts";

const LONG_CHARS = 500;

/** Naming a name changes nothing. */
export function grantName(what: string): string {
  return what.length <= LONG_CHARS ? what : `sha256:${sha256(what).toString("hex")}`;
}
