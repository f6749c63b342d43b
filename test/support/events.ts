/** Reads event streams in tests. */
import type { Api, Json } from "./api.ts";
import { assertDescribedEvent } from "./described.ts";

/** Every stored event below `path`, by pages: a stream has no end to wait for, and a pause in it may be anybody's. */
export async function storedEvents(
  api: Api,
  path: string,
  since = 0,
  headers: Record<string, string> = {},
): Promise<Json[]> {
  const all: Json[] = [];
  for (let after = since; ; after = Number(all.at(-1)?.["id"])) {
    const asked = { accept: "application/json", ...headers };
    const { status, body } = await api.call("GET", `${path}/events?after=${after}&limit=1000`, undefined, asked);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    all.push(...(body["events"] ?? []));
    if (String(body["more"]) !== "true") return all;
  }
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
