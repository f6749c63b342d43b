/**
 * Our own files are nobody else's business, whatever umask we were started with; what agents make has the modes it
 * would have without us. So the one we came with is noted and handed on to every child.
 */

let noted: number | null = null;

/** From here on our own files are 0600 and our folders 0700. Called once, by the program's start. */
export function keepFilesPrivate(): void {
  noted ??= process.umask(0o077);
}

/** As `umask` in a shell takes it. */
export function notedUmask(): string {
  return (noted ?? process.umask()).toString(8).padStart(4, "0");
}

/** Starts a child that is to see the umask we were started with. `start` must be synchronous. */
export function withNotedUmask<T>(start: () => T): T {
  if (noted === null) return start();
  const ours = process.umask(noted);
  try {
    return start();
  } finally {
    process.umask(ours);
  }
}
