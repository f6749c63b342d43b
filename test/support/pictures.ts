/** The smallest pictures of each kind, made here. */

/** One black pixel. */
export const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg==",
  "base64",
);

export const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

/** Only its frame: nobody here decodes it. */
export const JPEG = Buffer.concat([
  Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
  Buffer.alloc(60, 1),
  Buffer.from([0xff, 0xd9]),
]);

export const WEBP = ((): Buffer => {
  const bytes = Buffer.alloc(40);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(32, 4);
  bytes.write("WEBPVP8 ", 8);
  return bytes;
})();
