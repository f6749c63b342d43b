/** Attachments of a request: read, checked and refused here, before anything is stored. */
import type { NewAttachment } from "../agents/attachments.ts";
import { array, object, optional, refined, string } from "../lib/check.ts";
import type { Infer } from "../lib/check.ts";
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import { PICTURE_TYPES, isPictureType, pictureProblem } from "../lib/picture.ts";
import { readProjectFile } from "../process/project-file.ts";
import type { AnyCodec } from "../providers/contract.ts";

const MAX_BYTES = 8 * 1024 * 1024;
const MAX_BASE64 = Math.ceil(MAX_BYTES / 3) * 4;

const one = refined(
  object({
    path: optional(string({ min: 1, max: 4096, pattern: /^[^\0]+$/, what: "a path inside the project" })),
    dataBase64: optional(
      string({ min: 1, max: MAX_BASE64, secret: true, what: `base64 of at most ${MAX_BYTES} bytes` }),
    ),
    mediaType: optional(
      string({ max: 100, pattern: /^[a-z]+\/[a-z0-9][a-z0-9.+-]*$/, what: "a media type in small letters" }),
    ),
    name: optional(
      string({ min: 1, max: 200, pattern: /^[^\u0000-\u001f/]+$/, what: "a file's name without a slash" }),
    ),
  }),
  ({ path, dataBase64, mediaType, name }) => {
    if ((path === undefined) === (dataBase64 === undefined)) return "either `path` or `dataBase64`";
    if (path === undefined && (mediaType === undefined || name === undefined))
      return "`mediaType` and `name` beside `dataBase64`";
    return undefined;
  },
);

export const attachments = array(one, { max: 16 });
type Asked = Infer<typeof one>;

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
