/** A tool's work in one line. Every provider has its own names for the same things; the telling part comes first. */
import { isObject } from "../lib/check.ts";
import type { PartShape } from "./shapes.ts";
import { fit, squeezed } from "./text.ts";

const TELLING = ["command", "cmd", "file_path", "filePath", "path", "pattern", "query", "url", "description", "prompt"];
const LONGEST = 200;

export function toolArgument(input: unknown): string {
  if (typeof input === "string") return squeezed(input);
  if (!isObject(input)) return "";
  for (const key of TELLING) {
    const value = input[key];
    if (typeof value === "string" && value !== "") return fit(squeezed(value), LONGEST);
    if (Array.isArray(value) && value.length > 0) return fit(squeezed(value.map(String).join(" ")), LONGEST);
  }
  return Object.keys(input).length === 0 ? "" : fit(squeezed(JSON.stringify(input)), LONGEST);
}

/** `exit 1, 41 lines`, `failed: no such file`, `12 lines`; empty when there is nothing to tell. */
export function resultWords({ text = "", isError }: PartShape): string {
  const trimmed = text.trim();
  const size = trimmed === "" ? 0 : trimmed.split("\n").length;
  const exit = /\bexit(?:ed with)?(?: code)?:? (\d{1,3})\b/i.exec(trimmed)?.[1];
  const lines = size > 1 ? `${size} lines` : "";
  if (isError === true) {
    const why = exit === undefined ? `failed${size === 1 ? `: ${fit(squeezed(trimmed), 80)}` : ""}` : `exit ${exit}`;
    return lines === "" ? why : `${why}, ${lines}`;
  }
  return size === 1 ? fit(squeezed(trimmed), 60) : lines;
}
