/** From the bytes of a request to a webhook that may be stored, or to the one clear answer why not. Pure. */
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import { verify, type Verification } from "../lib/signature.ts";
import { parseBody, requireJson } from "../http/body.ts";
import { readEvent } from "./event.ts";
import { keyHash, webhookKey } from "./identity.ts";
import type { NewWebhook } from "./inbox.ts";

export const BODY_MAX_BYTES = 256 * 1024;

export interface AcceptOptions {
  /** From `secret`; null = signatures are not looked at. */
  readonly signingKey: Uint8Array | null;
  readonly nowMs: number;
}

/** Throws 400, 401 or 415. The bearer token and the size were checked before. */
export function readWebhook(req: Request, body: Uint8Array, { signingKey, nowMs }: AcceptOptions): NewWebhook {
  const { headers } = req;
  requireJson(req);
  const webhookId = headers.get("webhook-id");
  if (webhookId !== null && !/^[\x21-\x7e]{1,256}$/.test(webhookId)) {
    throw invalidRequest([
      { path: "webhook-id", message: "the header must be sent once, with 1 to 256 visible ASCII characters" },
    ]);
  }
  if (signingKey) {
    const given = {
      id: webhookId,
      timestamp: headers.get("webhook-timestamp"),
      signature: headers.get("webhook-signature"),
    };
    const verification = verify(signingKey, given, body, { nowMs });
    if (verification !== "valid") throw badSignature(verification);
  }
  if (body.length === 0) throw invalidRequest([{ path: "", message: "the body is empty, expected a JSON object" }]);
  const read = readEvent(parseBody(body));
  if (!read.ok) throw invalidRequest(read.issues);
  const { event, project, agentId } = read.event;
  const key = webhookKey(webhookId, body);
  return { key, hash: keyHash(key), receivedMs: nowMs, event, project, agentId, body: new TextDecoder().decode(body) };
}

const SIGNATURE_PROBLEMS: Readonly<Record<Exclude<Verification, "valid">, string>> = {
  missing: "this needs the headers webhook-id, webhook-timestamp and webhook-signature",
  malformed: "webhook-timestamp must be epoch seconds and webhook-signature v1,<base64>",
  expired: "webhook-timestamp is more than 5 minutes away from now: check both clocks",
  wrong:
    "webhook-signature does not fit: check that both sides have the same secret, and that nothing on the way changes the body",
};

function badSignature(verification: Exclude<Verification, "valid">): HarnessError {
  return new HarnessError("BAD_SIGNATURE", SIGNATURE_PROBLEMS[verification], {
    headers: { "WWW-Authenticate": "Bearer" },
  });
}
