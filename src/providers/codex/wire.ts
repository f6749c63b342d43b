/** Codex's dialect of JSON-RPC, and the shape in which it nests texts. Pure. */
import { rpcLines } from "../../lib/jsonrpc.ts";
import { text } from "../read.ts";

/** Codex's dialect has no `"jsonrpc"` member. */
export const rpc = rpcLines({ header: false });

/** The texts of a list of strings, or of `{type:"text",text}` blocks. */
export function texts(items: readonly unknown[]): string {
  return items
    .map((item) => (typeof item === "string" ? item : text(item, "text")))
    .filter((each) => each !== "")
    .join("\n");
}
