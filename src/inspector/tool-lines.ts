/** A tool call in one line, and a run of them in one. Pure. */
import { changed, diffLines } from "./diff.ts";
import { firstLine } from "./format.ts";
import type { Fields } from "./read.ts";
import { fields } from "./read.ts";
import { editsOf } from "./request.ts";

export interface ToolLine {
  readonly argument: string;
  readonly added: number;
  readonly removed: number;
}

const ARGUMENTS = [
  "command",
  "cmd",
  "file_path",
  "filePath",
  "notebook_path",
  "path",
  "pattern",
  "query",
  "url",
  "description",
  "prompt",
  "skill",
] as const;

export function toolLine(input: unknown): ToolLine {
  const given = fields(input);
  const lines = editsOf(given).flatMap(({ before, after }) => diffLines(before, after));
  return { argument: argumentOf(given, input), ...changed(lines) };
}

function argumentOf(given: Fields, input: unknown): string {
  for (const name of ARGUMENTS) {
    const value = given[name];
    if (typeof value === "string" && value.trim() !== "") return firstLine(value);
    if (Array.isArray(value) && value.length > 0) return value.map(String).join(" ");
  }
  const json = typeof input === "string" ? input : JSON.stringify(input ?? {});
  return json === "{}" ? "" : json.slice(0, 200);
}

const PATHS = ["file_path", "filePath", "notebook_path", "path"] as const;

function fileOf(input: unknown): string | null {
  const given = fields(input);
  for (const name of PATHS) {
    const value = given[name];
    if (typeof value === "string" && value !== "") return value.split("/").at(-1) ?? value;
  }
  return null;
}

/** `Read 4 files · Bash 2 · Edit tax.ts` */
export function runLine(calls: readonly { readonly name: string; readonly input: unknown }[]): string {
  const byName = new Map<string, (string | null)[]>();
  for (const { name, input } of calls) byName.set(name, [...(byName.get(name) ?? []), fileOf(input)]);
  return [...byName]
    .map(([name, files]) => {
      const distinct = new Set(files);
      const [only] = files;
      if (distinct.size === 1 && only !== null && only !== undefined) {
        return files.length === 1 ? `${name} ${only}` : `${name} ${only} ${files.length}×`;
      }
      if (!distinct.has(null)) return `${name} ${distinct.size} files`;
      return files.length === 1 ? name : `${name} ${files.length}`;
    })
    .join(" · ");
}
