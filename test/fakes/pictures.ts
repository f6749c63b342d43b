/** How every fake shows that a picture reached it: behind the text, with its kind and size. */
import { readFileSync } from "node:fs";

export const shownData = (mediaType: unknown, base64: unknown): string =>
  ` [${String(mediaType)} ${Buffer.from(String(base64), "base64").length}]`;

/** Of a file that the fake opens itself. */
export const shownFile = (path: string): string =>
  ` [${path.slice(path.lastIndexOf(".") + 1)} ${readFileSync(path).length}]`;
