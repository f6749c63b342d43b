/** Attachments of a request: what they look like. They are read where there are any (`attachment-reader.ts`). */
import { array, object, optional, refined, string } from "../lib/check.ts";
import type { Infer } from "../lib/check.ts";

export const MAX_BYTES = 8 * 1024 * 1024;
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
export type Asked = Infer<typeof one>;
