/** What is a whole picture of its kind, and what a program would replace without a word. */
import { expect, test } from "bun:test";
import { isPictureType, type PictureType } from "../../../src/lib/picture-types.ts";
import { pictureProblem } from "../../../src/lib/picture.ts";
import { GIF, JPEG, PNG, WEBP } from "../../support/pictures.ts";

const all: readonly [PictureType, Buffer][] = [
  ["image/png", PNG],
  ["image/jpeg", JPEG],
  ["image/gif", GIF],
  ["image/webp", WEBP],
];

test.each(all)("a whole %s is one, also with padding behind it", (type, bytes) => {
  expect(pictureProblem(bytes, type)).toBeUndefined();
  if (type !== "image/webp") expect(pictureProblem(Buffer.concat([bytes, Buffer.alloc(7)]), type)).toBeUndefined();
});

test.each(all)("a %s that is cut off, empty, of noise or of another kind is none", (type, bytes) => {
  const others = all.filter(([other]) => other !== type).map(([, other]) => other);
  const noise = Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 37) % 251));
  for (const wrong of [bytes.subarray(0, -4), bytes.subarray(0, 10), Buffer.alloc(0), noise, ...others])
    expect([type, wrong.length, pictureProblem(wrong, type)]).toEqual([type, wrong.length, expect.any(String)]);
});

test("other kinds are no pictures for us", () => {
  expect(["image/png", "image/svg+xml", "application/pdf", "image/PNG"].map(isPictureType)).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
