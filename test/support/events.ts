/** Reads event streams in tests. */
import type { Api, Json } from "./api.ts";
import { assertDescribedEvent } from "./described.ts";

/** Every stored event below `path`, by replay: its end is the first pause. */
export async function storedEvents(
  api: Api,
  path: string,
  since = 0,
  headers: Record<string, string> = {},
): Promise<Json[]> {
  const stop = new AbortController();
  const response = await fetch(`${api.url}/api/v1${path}/events?since=${since}`, { headers, signal: stop.signal });
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const chunk = await Promise.race([reader.read(), Bun.sleep(80).then(() => null)]);
    if (chunk === null || chunk.done) break;
    text += decoder.decode(chunk.value, { stream: true });
  }
  stop.abort();
  await reader.cancel().catch(() => undefined);
  return parseEvents(text);
}

/** The numbered events in a stream's text; a last one that is not whole is left out. */
export function parseEvents(text: string): Json[] {
  const events: Json[] = [];
  for (const block of text.split("\n\n").slice(0, -1)) {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    const name = /^event: (.*)$/m.exec(block)?.[1];
    if (data === undefined || name === undefined) continue;
    const event: unknown = JSON.parse(data);
    assertDescribedEvent(name, event);
    if (/^id: /m.test(block)) events.push(event as Json);
  }
  return events;
}
