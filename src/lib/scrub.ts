/** Takes known secrets out of text that somebody else wrote: a receiver may well answer with the headers it got. */

const MASK = "[redacted]";
/** Shorter ones would mangle ordinary words. */
const SHORTEST = 4;

/** Also as they stand in JSON text, and cut off at the end: what others wrote is kept up to a limit only. */
export function scrub(text: string, secrets: readonly (string | null | undefined)[]): string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret === undefined || secret === null || secret.length < SHORTEST) continue;
    forms.add(secret).add(JSON.stringify(secret).slice(1, -1));
  }
  // The longest first: one may begin with another.
  for (const form of [...forms].sort((a, b) => b.length - a.length)) {
    text = text.replaceAll(form, MASK);
    for (let length = form.length - 1; length >= SHORTEST; length--) {
      if (!text.endsWith(form.slice(0, length))) continue;
      text = text.slice(0, -length) + MASK;
      break;
    }
  }
  return text;
}
