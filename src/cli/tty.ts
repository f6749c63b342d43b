/**
 * Asking a person: on the terminal itself, so that it works while stdin carries a text. What was typed before the
 * question stood there answers nothing. One stream for the whole program, because one that was closed still takes the
 * next thing that is typed; who asked last gets what comes.
 */
import { openSync } from "node:fs";
import { ReadStream } from "node:tty";

interface Tap {
  readonly raw: boolean;
  take(text: string): void;
  ended(): void;
}

let stream: ReadStream | null = null;
const taps: Tap[] = [];

/** Throws when there is no terminal. */
function tap(added: Tap): { close(): void } {
  if (stream === null) {
    const opened = new ReadStream(openSync("/dev/tty", "r"));
    opened.setEncoding("utf8");
    opened.on("data", (chunk: unknown) => taps.at(-1)?.take(String(chunk)));
    for (const over of ["end", "error"]) opened.on(over, () => taps.at(-1)?.ended());
    stream = opened;
  }
  taps.push(added);
  stream.setRawMode(added.raw);
  return {
    close() {
      const at = taps.indexOf(added);
      if (at === -1) return;
      taps.splice(at, 1);
      stream?.setRawMode(taps.at(-1)?.raw ?? false);
      if (taps.length > 0) return;
      stream?.destroy();
      stream = null;
    },
  };
}

/** Every key at once, until it is closed. Throws when there is no terminal. */
export function tapKeys(take: (text: string) => void): { close(): void } {
  return tap({ raw: true, take, ended: () => undefined });
}

export interface Terminal {
  /** A line without its end; null for Ctrl-D. Rejects only by the signal. */
  line(prompt: string, signal?: AbortSignal): Promise<string | null>;
  close(): void;
}

/** Long enough for what is in the driver to be handed over. */
const DRAIN_MS = 30;

/** null: there is no terminal. `write` shows the prompt; `interrupted` is told of a Ctrl-C during the drain. */
export function openTerminal(write: (text: string) => void, interrupted: () => void): Terminal | null {
  let typed = "";
  let heed = (): void => {};
  let over = false;
  let tapped: { close(): void };
  try {
    tapped = tap({
      raw: false,
      take(text) {
        typed += text;
        heed();
      },
      ended() {
        over = true;
        heed();
      },
    });
  } catch {
    return null;
  }

  /** Without line editing the driver hands over a half-typed line, too. */
  const drain = async (): Promise<void> => {
    stream?.setRawMode(true);
    await Bun.sleep(DRAIN_MS);
    stream?.setRawMode(false);
    if (typed.includes("\u0003")) interrupted();
    typed = "";
  };

  return {
    async line(prompt, signal) {
      await drain();
      signal?.throwIfAborted();
      write(prompt);
      return await new Promise((resolve, reject) => {
        const finish = (): void => {
          heed = () => {};
          signal?.removeEventListener("abort", abort);
        };
        const abort = (): void => {
          finish();
          reject(new DOMException("the question is settled", "AbortError"));
        };
        heed = () => {
          const end = typed.indexOf("\n");
          if (end !== -1) {
            const line = typed.slice(0, end);
            typed = typed.slice(end + 1);
            finish();
            resolve(line.replace(/\r$/, ""));
          } else if (over || typed === "\u0004") {
            finish();
            resolve(null);
          }
        };
        signal?.addEventListener("abort", abort);
        heed();
      });
    },
    close: tapped.close,
  };
}
