/** Reading the start of a foreign byte stream: within a size and a time, whatever the other side does. */

export interface ReadLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** What came, invalid UTF-8 replaced. A stream that breaks off or drips gives what it gave; never throws. */
export async function readText(
  stream: ReadableStream<Uint8Array> | null,
  { maxBytes, timeoutMs }: ReadLimits,
): Promise<string> {
  if (!stream) return "";
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    while (bytes < maxBytes) {
      const part = await Promise.race([reader.read(), late]);
      if (!part || part.done) break;
      chunks.push(part.value);
      bytes += part.value.length;
    }
  } catch {
    // It broke off: what arrived is all there is.
  } finally {
    clearTimeout(timer);
    // Not awaited: a peer that hangs must not hold us.
    reader.cancel().catch(() => {});
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString("utf8");
}
