/**
 * Is it a picture of that kind, from its first byte to its last? Programs replace what they cannot decode by a sentence
 * for the model and say nothing: so it is looked at before it is taken. Pure.
 */
import type { PictureType } from "./picture-types.ts";

/** undefined = it is one; else what is wrong, as the rest of "got …". */
export function pictureProblem(bytes: Uint8Array, type: PictureType): string | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const what = `expected a whole ${type}`;
  if (!begins(view, type)) return `bytes that do not begin like one, ${what}`;
  if (!ends(view, type)) return `bytes that end too soon, ${what}`;
  return undefined;
}

function begins(bytes: Buffer, type: PictureType): boolean {
  switch (type) {
    case "image/png":
      // The signature, then the header chunk with a width and a height.
      return (
        bytes.length > 24 &&
        bytes.subarray(0, 8).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) &&
        bytes.toString("latin1", 12, 16) === "IHDR" &&
        bytes.readUInt32BE(16) > 0 &&
        bytes.readUInt32BE(20) > 0
      );
    case "image/jpeg":
      return bytes.length > 4 && bytes.readUInt16BE(0) === 0xffd8 && bytes[2] === 0xff;
    case "image/gif":
      return bytes.length > 13 && /^GIF8[79]a$/.test(bytes.toString("latin1", 0, 6));
    case "image/webp":
      return bytes.length > 20 && /^RIFF[^]{4}WEBPVP8[ LX]$/.test(bytes.toString("latin1", 0, 16));
  }
}

function endsBehind(bytes: Buffer, mark: Buffer, length: number): boolean {
  const at = bytes.lastIndexOf(mark);
  return at > 0 && at + length <= bytes.length;
}

/** Padding behind the end is harmless to every decoder. */
function ends(bytes: Buffer, type: PictureType): boolean {
  switch (type) {
    case "image/png":
      return endsBehind(bytes, Buffer.from("IEND"), 8); // its checksum follows
    case "image/jpeg":
      return bytes.lastIndexOf(Buffer.from([0xff, 0xd9])) > 0;
    case "image/gif":
      return bytes.lastIndexOf(0x3b) > 12;
    case "image/webp":
      return bytes.readUInt32LE(4) + 8 <= bytes.length;
  }
}
