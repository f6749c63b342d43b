/** The schema of `run --schema FILE`. */
import { readFileSync } from "node:fs";
import { isObject } from "../lib/check.ts";
import { errorText } from "../lib/errors.ts";
import { parseJson } from "../lib/json.ts";
import type { Args } from "./args.ts";
import { usage } from "./args.ts";

export function schemaOf(args: Args): { readonly result?: { readonly schema: Record<string, unknown> } } {
  const path = args.value("schema");
  if (path === undefined) return {};
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw usage(`--schema: cannot read ${path}: ${errorText(error)}`);
  }
  const read = parseJson(text);
  if (!read.ok) throw usage(`--schema: ${path}:${read.line}:${read.column}: ${read.problem}`);
  if (!isObject(read.value)) throw usage(`--schema: ${path} holds no JSON Schema, which is an object`);
  return { result: { schema: read.value } };
}
