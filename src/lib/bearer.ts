/** Bearer tokens: reading the header, and comparing without telling by the time how much was right. */
import { isSame, sha256 } from "./digest.ts";

export type Authorization =
  | { readonly type: "none" }
  /** Another scheme, an empty token, or several headers (`Headers` joins them with ", "). */
  | { readonly type: "malformed" }
  | { readonly type: "bearer"; readonly token: string };

/** The scheme is case-insensitive (RFC 9110, 11.1); a token is visible ASCII without spaces. */
export function parseAuthorization(header: string | null): Authorization {
  if (header === null) return { type: "none" };
  const token = /^bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1];
  return token === undefined ? { type: "malformed" } : { type: "bearer", token };
}

/** A test for one token. Both sides are hashed first, so lengths do not show either. */
export function createTokenCheck(token: string): (given: string) => boolean {
  const expected = sha256(token);
  return (given) => isSame(expected, sha256(given));
}
