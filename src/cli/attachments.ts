/** Files that go with a text. Their bytes are sent: the daemon never opens a path that somebody typed here. */
import { readFileSync, statSync } from "node:fs";
import { basename, extname } from "node:path";
import { errorCode, errorText } from "../lib/errors.ts";
import type { Args } from "./args.ts";
import { usage } from "./args.ts";
import { bytes } from "./figures.ts";

export interface Attachment {
  readonly name: string;
  readonly mediaType: string;
  readonly dataBase64: string;
}

const MOST = 16;
const LARGEST = 8 * 1024 * 1024;
const MEDIA: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".pdf": "application/pdf",
  ".json": "application/json",
  ".md": "text/markdown",
  ".txt": "text/plain",
  ".csv": "text/csv",
  ".log": "text/plain",
};

/** undefined: none was given. */
export function attachmentsOf(args: Args): readonly Attachment[] | undefined {
  const files = args.all("attach");
  if (files.length === 0) return undefined;
  if (files.length > MOST) throw usage(`--attach: got ${files.length} files, expected at most ${MOST}`);
  return files.map(readAttachment);
}

function readAttachment(path: string): Attachment {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw usage(`--attach: ${path} is no file`);
    if (stat.size > LARGEST)
      throw usage(`--attach: ${path} holds ${bytes(stat.size)}, expected at most ${bytes(LARGEST)}`);
    return {
      name: basename(path),
      mediaType: MEDIA[extname(path).toLowerCase()] ?? "application/octet-stream",
      dataBase64: readFileSync(path).toString("base64"),
    };
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || code === "USAGE") throw error;
    const why =
      code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "permission denied" : errorText(error);
    throw usage(`--attach: cannot read ${path}: ${why}`);
  }
}
