/**
 * Asking a person: on the terminal itself, so that it works while stdin carries a text. What was typed before the
 * question stood there answers nothing.
 */
import { openSync } from "node:fs";
import { ReadStream } from "node:tty";

export interface Terminal {
  /** A line without its end; null for Ctrl-D. Rejects only by the signal. */
  line(prompt: string, signal?: AbortSignal): Promise<string | null>;
  close(): void;
}

/** Long enough for what is in the driver to be handed over. */
const DRAIN_MS = 30;

/** null: there is no terminal. `write` shows the prompt; `interrupted` is told of a Ctrl-C during the drain. */
export function openTerminal(write: (text: string) => void, interrupted: () => void): Terminal | null {
  let tty: ReadStream;
  try {
    tty = new ReadStream(openSync("/dev/tty", "r"));
  } catch {
    return null;
  }
  tty.setEncoding("utf8");
  let typed = "";
  let heed = (): void => {};
  let ended = false;
  tty.on("data", (chunk: unknown) => {
    typed += String(chunk);
    heed();
  });
  tty.on("end", () => {
    ended = true;
    heed();
  });
  tty.on("error", () => {
    ended = true;
    heed();
  });

  /** Without line editing the driver hands over a half-typed line, too. */
  const drain = async (): Promise<void> => {
    tty.setRawMode(true);
    await Bun.sleep(DRAIN_MS);
    tty.setRawMode(false);
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
          } else if (ended || typed === "\u0004") {
            finish();
            resolve(null);
          }
        };
        signal?.addEventListener("abort", abort);
        heed();
      });
    },
    close: () => void tty.destroy(),
  };
}
