/** Reading request bodies: counted on the stream, and turned into JSON with a place for every mistake. */
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import { BODY_LIMITS } from "../lib/json-shape.ts";
import { parseJson } from "../lib/json.ts";

/** The whole body; 413 when it is longer. `Content-Length` is only a fast path: it may be absent. */
export async function readBody(req: Request, maxBytes: number): Promise<Uint8Array> {
  if (req.body === null) return new Uint8Array();
  const declared = req.headers.get("content-length");
  if (declared !== null && /^\d+$/.test(declared)) {
    if (Number(declared) > maxBytes) throw tooLarge(maxBytes);
    return await req.bytes();
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of req.body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): HarnessError {
  return new HarnessError("TOO_LARGE", `the body is too large: at most ${maxBytes} bytes are taken`);
}

/** 415 unless the type is JSON (a merge patch for PATCH) in UTF-8, not compressed. */
export function requireJson(req: Request): void {
  const encoding = req.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw unsupported(
      `got Content-Encoding ${JSON.stringify(encoding.slice(0, 100))}, expected a body that is not compressed`,
    );
  }
  const header = req.headers.get("content-type");
  const [type = "", ...parameters] = (header ?? "").split(";").map((part) => part.trim().toLowerCase());
  const known = type === "application/json" || (req.method === "PATCH" && type === "application/merge-patch+json");
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice("charset=".length);
  if (known && (charset === undefined || /^"?utf-?8"?$/.test(charset))) return;
  const got = header === null ? "no Content-Type" : `Content-Type ${JSON.stringify(header.slice(0, 100))}`;
  throw unsupported(`got ${got}, expected application/json in UTF-8`);
}

function unsupported(message: string): HarnessError {
  return new HarnessError("UNSUPPORTED_MEDIA_TYPE", message);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** 400 that says where the text is broken. */
export function parseBody(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw invalidRequest([{ path: "", message: "the body is not valid UTF-8" }]);
  }
  const parsed = parseJson(text, BODY_LIMITS);
  if (parsed.ok) return parsed.value;
  const { problem, line, column } = parsed;
  throw invalidRequest([
    { path: "", message: `the body is not valid JSON at line ${line}, column ${column}: ${problem}` },
  ]);
}
