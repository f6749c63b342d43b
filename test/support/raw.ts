/** HTTP by hand, for requests that no client would send. */
import { connect } from "node:net";

export interface RawAnswer {
  /** 0 = the server closed the connection without a word. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const LIMIT_MS = 10_000;

/** Writes the bytes as they are and reads one answer. A connection that stays open without one is an error. */
export function rawRequest(port: number, bytes: string | Uint8Array): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let got: Buffer = Buffer.alloc(0);
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes)),
    );
    const finish = (answer: RawAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer within ${LIMIT_MS} ms, so far: ${got.toString("latin1").slice(0, 200)}`));
    }, LIMIT_MS);
    socket.on("data", (chunk) => {
      got = Buffer.concat([got, typeof chunk === "string" ? Buffer.from(chunk) : chunk]);
      const answer = parse(got.toString("latin1"), false);
      if (answer !== null) finish(answer);
    });
    socket.on("close", () => finish(parse(got.toString("latin1"), true) ?? { status: 0, head: "", body: "" }));
    socket.on("error", () => undefined); // "close" follows
  });
}

/** null = more is to come. */
function parse(text: string, ended: boolean): RawAnswer | null {
  const cut = text.indexOf("\r\n\r\n");
  if (cut === -1) return null;
  const head = text.slice(0, cut);
  const body = text.slice(cut + 4);
  const length = /^content-length: *(\d+)$/im.exec(head)?.[1];
  if (!ended && length !== undefined && body.length < Number(length)) return null;
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]), head, body };
}
