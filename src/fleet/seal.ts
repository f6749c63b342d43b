/**
 * What one box sends another through the database is sealed to the other's key: whoever reads the tables sees neither
 * the environment of an agent nor a token. X25519, HKDF-SHA-256, AES-256-GCM; every message has a key of its own.
 */

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const CURVE = { name: "X25519" };
const INFO = new TextEncoder().encode("agent-harness fleet call 1");

/** `publicKey`: raw, base64. Gives ephemeral key, nonce and ciphertext in a row. */
export async function seal(publicKey: string, plain: Uint8Array): Promise<Uint8Array> {
  const theirs = await crypto.subtle.importKey("raw", Buffer.from(publicKey, "base64"), CURVE, false, []);
  const pair = (await crypto.subtle.generateKey(CURVE, true, ["deriveBits"])) as CryptoKeyPair; // of a key agreement
  const ours = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const key = await messageKey(pair.privateKey, theirs, ours, "encrypt");
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, new Uint8Array(plain));
  return Buffer.concat([ours, nonce, new Uint8Array(sealed)]);
}

/** `privateKey`: PKCS #8, base64. Throws when it was sealed for somebody else, or changed. */
export async function unseal(privateKey: string, sealed: Uint8Array): Promise<Uint8Array> {
  const [ephemeral, nonce, text] = [
    new Uint8Array(sealed.subarray(0, KEY_BYTES)),
    new Uint8Array(sealed.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES)),
    new Uint8Array(sealed.subarray(KEY_BYTES + NONCE_BYTES)),
  ];
  const [mine, theirs] = await Promise.all([
    crypto.subtle.importKey("pkcs8", Buffer.from(privateKey, "base64"), CURVE, false, ["deriveBits"]),
    crypto.subtle.importKey("raw", ephemeral, CURVE, false, []),
  ]);
  const key = await messageKey(mine, theirs, ephemeral, "decrypt");
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, key, text));
}

async function messageKey(
  mine: CryptoKey,
  theirs: CryptoKey,
  salt: Uint8Array<ArrayBuffer>,
  use: "encrypt" | "decrypt",
): Promise<CryptoKey> {
  const bits = await crypto.subtle.deriveBits({ ...CURVE, public: theirs }, mine, 8 * KEY_BYTES);
  const shared = await crypto.subtle.importKey("raw", bits, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt, info: INFO };
  return await crypto.subtle.deriveKey(how, shared, { name: "AES-GCM", length: 8 * KEY_BYTES }, false, [use]);
}
