/** The pictures that programs take. Pure. */

export const PICTURE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const;
export type PictureType = (typeof PICTURE_TYPES)[number];

export function isPictureType(mediaType: string): mediaType is PictureType {
  return (PICTURE_TYPES as readonly string[]).includes(mediaType);
}
