/** Readers for what an agent sent: any member may be missing or of another type, and nothing here throws. */

export type Json = Readonly<Record<string, unknown>>;

const NOTHING: Json = {};

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member as an object; an empty one when it is missing or something else. */
export function objectAt(from: unknown, key: string): Json {
  const value = isJson(from) ? from[key] : undefined;
  return isJson(value) ? value : NOTHING;
}

export function textAt(from: unknown, key: string): string | undefined {
  const value = isJson(from) ? from[key] : undefined;
  return typeof value === "string" ? value : undefined;
}

export function numberAt(from: unknown, key: string): number | undefined {
  const value = isJson(from) ? from[key] : undefined;
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** The member's objects, everything else left out. */
export function listAt(from: unknown, key: string): readonly Json[] {
  const value = isJson(from) ? from[key] : undefined;
  return Array.isArray(value) ? value.filter(isJson) : [];
}

/** What a content block says to a reader. Pictures and sound have no text, so they are named. */
export function contentText(block: unknown): string {
  switch (textAt(block, "type")) {
    case "text":
      return textAt(block, "text") ?? "";
    case "resource_link":
      return `[${textAt(block, "name") ?? "link"}](${textAt(block, "uri") ?? ""})`;
    case "resource":
      return (
        textAt(objectAt(block, "resource"), "text") ?? `[${textAt(objectAt(block, "resource"), "uri") ?? "resource"}]`
      );
    case "image":
    case "audio":
      return `[${textAt(block, "type")} ${textAt(block, "mimeType") ?? ""}]`;
    default:
      return "";
  }
}
