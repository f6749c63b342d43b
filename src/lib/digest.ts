/** Hashes and random digits, as the runtime has them: loading `node:crypto` costs every start 10 ms and 4 MB. */

type Bytes = string | Uint8Array;

export function sha256(data: Bytes): Buffer {
  return new Bun.CryptoHasher("sha256").update(data).digest();
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Bytes[]): Buffer {
  const hasher = new Bun.CryptoHasher("sha256", key);
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}

/** Takes as long for every pair of the same length. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}

export function randomHex(bytes: number): string {
  return crypto.getRandomValues(Buffer.alloc(bytes)).toString("hex");
}
