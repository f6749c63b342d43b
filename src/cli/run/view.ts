/**
 * What a person sees of a run: the answer on stdout, everything else on stderr, and one line at the bottom that is
 * rewritten. The line is erased before anything is written to either stream, so the two never mix.
 */
import type { Io } from "../io.ts";
import { fit, widthOf, withoutEscapes } from "../text.ts";

export interface View {
  /** Streamed text of the answer; only for a stdout that is a terminal. */
  stream(text: string): void;
  /** The answer goes on at the beginning of a line. */
  lineStart(): void;
  /** A line on stderr. */
  line(text: string): void;
  /** The line at the bottom; asked for again each second. */
  show(status: () => string): void;
  /** While a person is asked nothing else is written. */
  hold(): void;
  release(): void;
  close(): void;
}

const SECOND_MS = 1000;
/** An escape sequence may be cut between two pieces of text; longer than this it is none. */
const LONGEST_ESCAPE = 64;

export function openView({ out, err }: Io, quiet: boolean): View {
  let status: (() => string) | null = null;
  let drawn = 0;
  let atLineStart = true;
  let carried = "";
  let held: (() => void)[] | null = null;

  const erase = (): string => {
    if (drawn === 0) return "";
    // A window that became narrower has broken the line into several.
    const rows = Math.ceil(drawn / err.width());
    drawn = 0;
    return `${rows > 1 ? `\u001b[${rows - 1}A` : ""}\r\u001b[J`;
  };
  const draw = (): void => {
    if (status === null || !err.isTty || quiet || held !== null || !atLineStart) return;
    const text = fit(status(), err.width() - 1);
    const before = erase();
    drawn = widthOf(text);
    err.write(`${before}${text}`);
  };
  const whenFree = (act: () => void): void => {
    if (held === null) act();
    else held.push(act);
  };
  const timer = setInterval(draw, SECOND_MS);
  const resized = (): void => draw();
  if (err.isTty) process.on("SIGWINCH", resized);

  const write = (text: string): void => {
    if (text === "") return;
    err.write(erase());
    out.write(text);
    atLineStart = text.endsWith("\n");
    draw();
  };

  return {
    stream: (text) =>
      whenFree(() => {
        const whole = carried + text;
        const escape = whole.lastIndexOf("\u001b");
        const open =
          escape !== -1 && whole.length - escape < LONGEST_ESCAPE && withoutEscapes(whole.slice(escape)) === "";
        carried = open ? whole.slice(escape) : "";
        write(withoutEscapes(open ? whole.slice(0, escape) : whole));
      }),
    lineStart: () =>
      whenFree(() => {
        carried = "";
        if (!atLineStart) write("\n");
      }),
    line: (text) =>
      whenFree(() => {
        if (!atLineStart && err.isTty) {
          out.write("\n");
          atLineStart = true;
        }
        err.write(`${erase()}${text}\n`);
        draw();
      }),
    show(text) {
      status = text;
      whenFree(draw);
    },
    hold() {
      if (!atLineStart) out.write("\n");
      atLineStart = true;
      err.write(erase());
      held ??= [];
    },
    release() {
      const waiting = held ?? [];
      held = null;
      for (const act of waiting) act();
      draw();
    },
    close() {
      clearInterval(timer);
      process.off("SIGWINCH", resized);
      held = null;
      status = null;
      err.write(erase());
      if (!atLineStart && out.isTty) out.write("\n");
      atLineStart = true;
    },
  };
}
