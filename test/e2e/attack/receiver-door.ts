/** The compiled receiver with a token and a secret, and a sender who is right in everything until a test spoils it. */
import { decodeSigningSecret, sign } from "../../../src/lib/signature.ts";
import type { RawAnswer } from "../../support/raw.ts";
import { rawRequest } from "../../support/raw.ts";
import type { RunningReceiver } from "../receiver-helpers.ts";
import { event, makeBox, receiverBinary } from "../receiver-helpers.ts";

export const TOKEN = "correct-horse-battery-staple";
export const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
export const KEY = decodeSigningSecret(SECRET) ?? new Uint8Array();
export const BODY = Buffer.from(JSON.stringify(event));

export type Headers = Readonly<Record<string, string>>;

export interface Signed {
  readonly id: string;
  readonly timestampSeconds: number;
}

export type Spoil = (right: Record<string, string>, parts: Signed) => Headers;

export interface Door {
  readonly receiver: RunningReceiver;
  readonly port: number;
  /** Headers and path are Latin-1 on the wire, so that any byte can be said. A GET has no body. */
  ask(method: string, path: string, headers: Headers, body?: Uint8Array): Promise<RawAnswer>;
  /** What goes with `body`, right in everything; `at`: signed so many seconds from now. */
  right(body?: Uint8Array, at?: number): { readonly headers: Record<string, string>; readonly parts: Signed };
  webhook(body?: Uint8Array, spoil?: Spoil, at?: number): Promise<RawAnswer>;
  /** How many webhooks it holds. */
  stored(): Promise<number>;
  close(): Promise<void>;
}

export async function openDoor(): Promise<Door> {
  await receiverBinary();
  const box = makeBox();
  box.configure({ token: TOKEN, secret: SECRET, allowedHosts: ["box.example"] });
  const receiver = await box.start();
  const port = Number(new URL(receiver.url).port);
  let sent = 0;

  const ask: Door["ask"] = (method, path, headers, body = Buffer.alloc(0)) => {
    const all = { Host: `127.0.0.1:${port}`, ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    const sends = method !== "GET";
    if (sends) lines.push(`Content-Length: ${body.length}\r\n`);
    const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
    return rawRequest(port, sends ? Buffer.concat([head, body]) : head);
  };

  const right: Door["right"] = (body = BODY, at = 0) => {
    const parts = { id: `msg-${++sent}`, timestampSeconds: Math.floor(Date.now() / 1000) + at };
    const headers = {
      "content-type": "application/json",
      authorization: `Bearer ${TOKEN}`,
      "webhook-id": parts.id,
      "webhook-timestamp": String(parts.timestampSeconds),
      "webhook-signature": sign(KEY, { ...parts, body }),
    };
    return { headers, parts };
  };

  return {
    receiver,
    port,
    ask,
    right,
    webhook(body = BODY, spoil = (headers) => headers, at = 0) {
      const { headers, parts } = right(body, at);
      return ask("POST", "/harness-webhook", spoil(headers, parts), body);
    },
    async stored() {
      const health: unknown = await (await fetch(`${receiver.url}/health`)).json();
      if (typeof health !== "object" || health === null || !("stored" in health)) throw new Error("no health");
      return Number(health.stored);
    },
    close: () => box.close(),
  };
}

/** Status and code of a refusal. */
export function refusal({ status, body }: RawAnswer): readonly [number, string] {
  const json: unknown = body === "" ? null : JSON.parse(body);
  return [status, typeof json === "object" && json !== null && "error" in json ? String(json.error) : body];
}
