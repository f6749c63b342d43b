/** What ACP's content blocks say. */
import { fields, maybeText } from "../read.ts";

/** What a content block says to a reader. Pictures and sound have no text, so they are named. */
export function contentText(block: unknown): string {
  switch (maybeText(block, "type")) {
    case "text":
      return maybeText(block, "text") ?? "";
    case "resource_link":
      return `[${maybeText(block, "name") ?? "link"}](${maybeText(block, "uri") ?? ""})`;
    case "resource":
      return (
        maybeText(fields(block, "resource"), "text") ?? `[${maybeText(fields(block, "resource"), "uri") ?? "resource"}]`
      );
    case "image":
    case "audio":
      return `[${maybeText(block, "type")} ${maybeText(block, "mimeType") ?? ""}]`;
    default:
      return "";
  }
}
