/**
 * Shortening text for people and limits. Lengths are UTF-16 units, as `String.length` and most services' limits count.
 */

/** At most `max` units from the start; never half of a surrogate pair. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, Math.max(0, splitsPair ? max - 1 : max));
}

/** Like `cutText`, with "…" as the last unit when something is missing. */
export function excerpt(text: string, max: number): string {
  return text.length <= max ? text : `${cutText(text, max - 1)}…`;
}

/**
 * Controls and the bidi overrides that can make a line read as something else. Line breaks and tabs are for the caller.
 */
export const UNSEEN = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** One line without controls; runs of white space become one space. */
export function oneLine(text: string): string {
  return text.replace(/\s+/gu, " ").replace(UNSEEN, "").trim();
}

const TITLE_MAX = 200;

/** A text as a title: one line, cut. */
export function titleText(text: string): string {
  return excerpt(oneLine(text), TITLE_MAX);
}
