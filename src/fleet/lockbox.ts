/**
 * Secrets of a task, sealed while it waits in the fleet's database, where nobody knows yet whose it will be: with a key
 * that the boxes share and the database never sees. AES-256-GCM; bound to the task, so that no other task can be given
 * them. Several keys: the first seals, all of them open.
 */
import { isObject } from "../lib/check.ts";
import { sha256 } from "../lib/digest.ts";
import { HarnessError } from "../lib/errors.ts";
import { toJson, tryJson } from "../lib/json.ts";

/** Of a request that makes an agent: variables, a webhook with its token, files. */
const SECRET = ["env", "webhook", "attachments"] as const;
const NONCE_BYTES = 12;
const KEY_ID_CHARS = 8;

export interface Locked {
  readonly body: Readonly<Record<string, unknown>>;
  /** The id of the key; null: there was nothing to hide. */
  readonly key: string | null;
}

/** Names a key without giving it away. */
export const keyId = (key: string): string =>
  sha256(`agent-harness fleet key ${key}`).toString("hex").slice(0, KEY_ID_CHARS);

/** `keys`: base64 of 32 bytes each. Throws FLEET_KEY when there is a secret and no key. */
export async function lockSecrets(
  keys: readonly string[],
  task: string,
  body: Readonly<Record<string, unknown>>,
): Promise<Locked> {
  const secrets = Object.fromEntries(SECRET.filter((name) => isThere(body[name])).map((name) => [name, body[name]]));
  const [key] = keys;
  if (Object.keys(secrets).length === 0) return { body, key: null };
  if (key === undefined) {
    if (!isThere(body["env"]) && !hasToken(body["webhook"])) return { body, key: null };
    throw new HarnessError(
      "FLEET_KEY",
      "the task has secrets (env, or webhook.token), which never stand in the fleet's database as they are: set fleet.key on this box and on those that may run it",
    );
  }
  const open = Object.entries(body).filter(([name]) => secrets[name] === undefined);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const plain = new TextEncoder().encode(toJson(secrets));
  const sealed = await crypto.subtle.encrypt(how(nonce, task), await imported(key, "encrypt"), plain);
  const text = Buffer.concat([nonce, new Uint8Array(sealed)]).toString("base64");
  return { body: { ...Object.fromEntries(open), sealed: text }, key: keyId(key) };
}

/** The body as it was. Throws when no key of ours opens it, or it was made for another task. */
export async function unlockSecrets(keys: readonly string[], task: string, text: string): Promise<string> {
  const body = tryJson(text);
  if (!isObject(body) || typeof body["sealed"] !== "string") return text;
  const { sealed, ...open } = body;
  const bytes = new Uint8Array(Buffer.from(sealed, "base64"));
  const nonce = bytes.slice(0, NONCE_BYTES);
  for (const key of keys) {
    const plain = await imported(key, "decrypt")
      .then((it) => crypto.subtle.decrypt(how(nonce, task), it, bytes.slice(NONCE_BYTES)))
      .catch(() => null); // another key's, or nobody's
    const secrets = plain === null ? null : tryJson(new TextDecoder().decode(plain));
    if (isObject(secrets)) return toJson({ ...open, ...secrets });
  }
  throw new Error(
    keys.length === 0
      ? "its secrets are sealed, and this box has no fleet.key"
      : `its secrets cannot be opened with the fleet.key of this box (${keys.map(keyId).join(", ")})`,
  );
}

const isThere = (value: unknown): boolean =>
  value !== undefined && value !== null && !(isObject(value) && Object.keys(value).length === 0);

const hasToken = (webhook: unknown): boolean => isObject(webhook) && isThere(webhook["token"]);

const how = (iv: Uint8Array<ArrayBuffer>, task: string) => ({
  name: "AES-GCM",
  iv,
  additionalData: new TextEncoder().encode(task),
});

const imported = (key: string, use: "encrypt" | "decrypt"): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", new Uint8Array(Buffer.from(key, "base64")), "AES-GCM", false, [use]);
