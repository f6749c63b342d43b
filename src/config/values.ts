/** Schemas of values that both programs' configs hold. */
import { type Schema, array, record, refined, string, union } from "../lib/check.ts";
import { decodeSigningSecret } from "../lib/signature.ts";
import { isIP } from "../lib/ip.ts";

const HOST_NAME = /^(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?$/;

/** What to bind to: an address or a name, without brackets. */
export const bindHost: Schema<string> = refined(string({ min: 1, max: 255 }), (host) =>
  isIP(host) !== 0 || (HOST_NAME.test(host) && !/^[0-9.]+$/.test(host))
    ? undefined
    : "an IP address (IPv6 without brackets) or a host name",
);

/** A name for comparing with hosts of requests or URLs. */
export const hostName: Schema<string> = refined(string({ min: 1, max: 255 }), (host) =>
  isIP(host) !== 0 || HOST_NAME.test(host) ? undefined : "a host name without scheme, port or path",
);

export const absolutePath: Schema<string> = string({ max: 4096, pattern: /^\/[^\0]*$/, what: "an absolute path" });

/** The file of a `*File` key. */
export const secretPath: Schema<string> = string({
  max: 4096,
  pattern: /^(\/[^\0]+|\$(CREDENTIALS_DIRECTORY|\{CREDENTIALS_DIRECTORY\})\/[^/\0]+)$/,
  what: "an absolute path or $CREDENTIALS_DIRECTORY/NAME",
});

/** Credentials in the URL are refused, and it is never repeated: its query may hold one, too. */
export const httpUrl: Schema<string> = refined(string({ min: 1, max: 2048, secret: true }), (text) => {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return "an http or https URL";
  return url.username === "" && url.password === ""
    ? undefined
    : "a URL without user and password (a token has its own key)";
});

/** A URL whose path is the secret. */
export const secretHttpUrl: Schema<string> = refined(string({ min: 1, max: 2048, secret: true }), (text) => {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:") ? undefined : "an http or https URL";
});

const TOKEN_PATTERN = /^[\x21-\x7e]+$/;

export const bearerToken: Schema<string> = string({
  min: 1,
  max: 4096,
  secret: true,
  pattern: TOKEN_PATTERN,
  what: "a token of printable ASCII without spaces",
});

export const signingSecret: Schema<string> = refined(string({ min: 1, max: 512, secret: true }), (text) =>
  decodeSigningSecret(text) === undefined ? 'a secret "whsec_" + base64 of 24 to 64 bytes' : undefined,
);

/** Variables for a child process. Our own names are ours alone. */
export const childVariables: Schema<Readonly<Record<string, string>>> = record(
  string({ max: 128 * 1024, secret: true, pattern: /^[^\0]*$/, what: "a string without NUL" }),
  {
    maxKeys: 256,
    keyPattern: /^(?!AH_)[A-Za-z_][A-Za-z0-9_]*$/,
    keyWhat: "a variable name that does not begin with AH_ (those are the harness's own)",
  },
);

/** A program with leading arguments; one string is the program alone, never a shell line. */
export const command: Schema<string | readonly string[]> = union(
  refined(string({ min: 1, max: 4096, pattern: /^[^\0]+$/ }), (program) =>
    /\s/.test(program) && !program.startsWith("/")
      ? `a program without arguments; with arguments write ${JSON.stringify(program.trim().split(/\s+/))}`
      : undefined,
  ),
  refined(array(string({ min: 1, max: 4096, pattern: /^[^\0]+$/ }), { max: 100 }), (words) =>
    words.length === 0 ? "a program and its arguments, at least one" : undefined,
  ),
);
