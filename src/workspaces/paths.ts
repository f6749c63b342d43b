/**
 * Paths as git and the file system have them: bytes, in a string of one character a byte (latin1), so that a name in no
 * encoding lives through every step. Pure. Never shown as they are: `shownPath` makes text of them, `readPath` takes it
 * back.
 */

/** One character a byte. */
export type BytePath = string;

export const toBytes = (path: BytePath): Buffer => Buffer.from(path, "latin1");
export const fromBytes = (bytes: Uint8Array): BytePath => Buffer.from(bytes).toString("latin1");
export const fromText = (text: string): BytePath => Buffer.from(text, "utf8").toString("latin1");

/** The parts of a list that git ends with NUL each. */
export function splitNul(bytes: Uint8Array): BytePath[] {
  const parts = fromBytes(bytes).split("\0");
  if (parts.at(-1) === "") parts.pop();
  return parts;
}

export const joinNul = (paths: Iterable<BytePath>): Buffer => toBytes([...paths].map((path) => `${path}\0`).join(""));

/** Below a folder whose path is text. For calls of the file system, which take bytes. */
export const below = (folder: string, path: BytePath): Buffer =>
  Buffer.concat([Buffer.from(`${folder}/`), toBytes(path)]);

/** As people see it: text where it is UTF-8 without controls, else in quotes with octal escapes, as git does. */
export function shownPath(path: BytePath): string {
  const bytes = toBytes(path);
  const text = bytes.toString("utf8");
  // A name that begins with a quote is quoted, so that both can be told apart.
  if (!text.includes("\uFFFD") && !/[\u0000-\u001f\u007f]/.test(text) && !text.startsWith('"')) return text;
  let out = "";
  for (const byte of bytes)
    out +=
      byte === 0x22 || byte === 0x5c
        ? `\\${String.fromCharCode(byte)}`
        : byte < 0x20 || byte >= 0x7f
          ? `\\${byte.toString(8).padStart(3, "0")}`
          : String.fromCharCode(byte);
  return `"${out}"`;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

/** Takes back what `shownPath`, or git, made of it. */
export function readPath(shown: string): BytePath {
  if (!(shown.length >= 2 && shown.startsWith('"') && shown.endsWith('"'))) return fromText(shown);
  return fromText(shown.slice(1, -1)).replace(/\\([0-7]{1,3}|.)/gs, (_, escaped: string) =>
    /^[0-7]/.test(escaped) ? String.fromCharCode(parseInt(escaped, 8) & 0xff) : (ESCAPES[escaped] ?? escaped),
  );
}

/** The folders above it, outermost first: of `a/b/c` these are `a` and `a/b`. */
export function parents(path: BytePath): BytePath[] {
  const found: BytePath[] = [];
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) found.push(path.slice(0, at));
  return found;
}
