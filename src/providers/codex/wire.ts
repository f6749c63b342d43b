/** Reading Codex's JSON with care: every member may be absent or of another type in the next version. Pure. */
import { rpcLines } from "../../lib/jsonrpc.ts";

/** Codex's dialect has no `"jsonrpc"` member. */
export const rpc = rpcLines({ header: false });

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object at `key`, or one without members. */
export function fields(of: unknown, key: string): Fields {
  const value = isFields(of) ? of[key] : undefined;
  return isFields(value) ? value : {};
}

export function text(of: unknown, key: string): string {
  const value = isFields(of) ? of[key] : undefined;
  return typeof value === "string" ? value : "";
}

export function list(of: unknown, key: string): readonly unknown[] {
  const value = isFields(of) ? of[key] : undefined;
  return Array.isArray(value) ? value : [];
}

export function number(of: unknown, key: string): number | undefined {
  const value = isFields(of) ? of[key] : undefined;
  return typeof value === "number" ? value : undefined;
}

/** The texts of a list of strings, or of `{type:"text",text}` blocks. */
export function texts(items: readonly unknown[]): string {
  return items
    .map((item) => (typeof item === "string" ? item : text(item, "text")))
    .filter((each) => each !== "")
    .join("\n");
}
