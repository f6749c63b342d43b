/** Attachments of a request: read, checked and refused here, before anything is stored. */
import type { NewAttachment } from "../agents/attachments.ts";
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import { PICTURE_TYPES, isPictureType } from "../lib/picture-types.ts";
import { pictureProblem } from "../lib/picture.ts";
import { readProjectFile } from "../process/project-file.ts";
import type { AnyCodec } from "../providers/contract.ts";
import { MAX_BYTES, type Asked } from "./attachments.ts";

/** `root`: the folder that paths may lead into. Throws 400 for what cannot be read, 422 for what cannot be sent. */
export function readAttachments(
  all: readonly Asked[] | undefined,
  { codec, root }: { readonly codec: AnyCodec; readonly root: string },
): readonly NewAttachment[] {
  if (all === undefined || all.length === 0) return [];
  if (codec.traits.pictures === undefined)
    throw refused(`${codec.kind} takes plain text and nothing else: put the file into the project and name it there`);
  return all.map((asked, i) => {
    const read = asked.dataBase64 === undefined ? readPath(asked, root, i) : readData(asked, i);
    const problem = isPictureType(read.mediaType) ? pictureProblem(read.bytes, read.mediaType) : unknownPicture(read);
    if (problem !== undefined) throw refused(`attachments[${i}] (${read.name}): got ${problem}`);
    return read;
  });
}

function readPath({ path = "", mediaType, name }: Asked, root: string, i: number): NewAttachment {
  const file = readProjectFile(root, path, MAX_BYTES);
  if (!file.ok)
    throw invalidRequest([{ path: `attachments[${i}].path`, message: `got ${JSON.stringify(path)}, ${file.problem}` }]);
  const base = path.slice(path.lastIndexOf("/") + 1);
  return { name: name ?? base, mediaType: mediaType ?? typeOf(base), bytes: file.bytes };
}

function readData({ dataBase64 = "", mediaType = "", name = "" }: Asked, i: number): NewAttachment {
  const bytes = Buffer.from(dataBase64, "base64");
  // The decoder skips what is no base64; told back, only the real thing is the same.
  if (bytes.toString("base64") !== dataBase64)
    throw invalidRequest([{ path: `attachments[${i}].dataBase64`, message: "is not base64 with its padding" }]);
  if (bytes.length > MAX_BYTES)
    throw invalidRequest([{ path: `attachments[${i}].dataBase64`, message: `expected at most ${MAX_BYTES} bytes` }]);
  return { name, mediaType, bytes };
}

const BY_ENDING: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  pdf: "application/pdf",
  md: "text/markdown",
  json: "application/json",
};

function typeOf(name: string): string {
  return BY_ENDING[name.slice(name.lastIndexOf(".") + 1).toLowerCase()] ?? "text/plain";
}

/** Other pictures would be replaced by a sentence without a word to anybody. */
function unknownPicture({ mediaType }: NewAttachment): string | undefined {
  return mediaType.startsWith("image/") ? `${mediaType}, expected one of ${PICTURE_TYPES.join(", ")}` : undefined;
}

function refused(message: string): HarnessError {
  return new HarnessError("ATTACHMENT_REFUSED", message);
}
