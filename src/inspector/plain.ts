/**
 * Text as it may be shown where a person decides by it: characters that hide, turn round or erase others are made
 * visible, so that no command can look like another one. Pure.
 */

/** C0 and C1 but tab and line feed; bidi marks and embeddings; zero-width ones; separators that break lines. */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

export function visible(text: string): string {
  return text.replace(HIDDEN, (char) => {
    const code = char.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code); // ␛ and its family
    return code === 0x7f ? "␡" : `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** Output of a terminal program without its colours; of a line that was written over, what stood there last. */
export function withoutColours(text: string): string {
  const plain = text.includes("\u001b") ? text.replace(/\u001b\[[0-9;:]*m/g, "") : text;
  return plain.includes("\r") ? plain.replace(/\r\n/g, "\n").replace(/[^\n\r]*\r(?=[^\n\r])/g, "") : plain;
}
