/** What a permission asks for, out of the shapes in which the programs describe it. Leaves nothing out. Pure. */
import type { Fields } from "./read.ts";
import { fields, list, text } from "./read.ts";

export type Thing =
  | { readonly is: "command"; readonly command: string }
  | { readonly is: "edit"; readonly path: string; readonly edits: readonly Edit[] }
  | { readonly is: "patch"; readonly path: string; readonly patch: string }
  | { readonly is: "path"; readonly path: string }
  | { readonly is: "json"; readonly json: string };

export interface Edit {
  readonly before: string;
  readonly after: string;
}

export interface Request {
  readonly thing: Thing;
  /** The agent's own words for it. */
  readonly description: string;
  /** Everything else that was sent along. */
  readonly rest: readonly (readonly [name: string, value: string])[];
}

export function readRequest(detail: unknown): Request {
  const outer = fields(detail);
  const inner = isFields(outer["input"]) ? fields(outer["input"]) : outer;
  const used = new Set<string>(["description", "input"]);
  const take = (...names: readonly string[]): string => {
    const name = names.find((each) => typeof inner[each] === "string" && inner[each] !== "");
    if (name === undefined) return "";
    used.add(name);
    return text(inner[name]);
  };
  const thing = thingOf(inner, take, used, detail);
  const description = text(outer["description"]) || text(inner["description"]);
  if (thing.is === "json") return { thing, description, rest: [] };
  const rest = [...Object.entries(inner), ...(inner === outer ? [] : Object.entries(outer))]
    .filter(([name, value]) => !used.has(name) && value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const);
  return { thing, description, rest };
}

function thingOf(
  inner: Fields,
  take: (...names: readonly string[]) => string,
  used: Set<string>,
  detail: unknown,
): Thing {
  const argv = inner["command"];
  if (Array.isArray(argv)) {
    used.add("command");
    return { is: "command", command: argv.map(String).join(" ") };
  }
  const command = take("command", "cmd");
  if (command !== "") return { is: "command", command };
  const path = take("file_path", "notebook_path", "filePath", "filepath", "path", "url");
  const edits = editsOf(inner, used);
  if (edits.length > 0) return { is: "edit", path, edits };
  const patch = take("diff", "patch", "unified_diff");
  if (patch !== "") return { is: "patch", path, patch };
  if (path !== "") return { is: "path", path };
  return { is: "json", json: JSON.stringify(detail ?? null, null, 2) };
}

/** One edit, several, or a whole file that is written. */
export function editsOf(inner: Fields, used: Set<string> = new Set()): readonly Edit[] {
  const before = inner["old_string"] ?? inner["oldString"] ?? inner["oldText"];
  const after = inner["new_string"] ?? inner["newString"] ?? inner["newText"];
  if (typeof after === "string") {
    for (const name of ["old_string", "oldString", "oldText", "new_string", "newString", "newText"]) used.add(name);
    return [{ before: text(before), after }];
  }
  if (Array.isArray(inner["edits"])) {
    used.add("edits");
    return list(inner["edits"]).flatMap((each) => editsOf(fields(each)));
  }
  if (
    typeof inner["content"] === "string" &&
    (inner["file_path"] ?? inner["filePath"] ?? inner["path"]) !== undefined
  ) {
    used.add("content");
    return [{ before: "", after: inner["content"] }];
  }
  return [];
}

function isFields(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface Question {
  readonly question: string;
  readonly header: string;
  readonly multiple: boolean;
  readonly options: readonly { readonly label: string; readonly description: string }[];
}

export function readQuestions(detail: unknown): readonly Question[] {
  return list(fields(detail)["questions"]).map((each) => {
    const { question, header, multiSelect, multiple, options } = fields(each);
    return {
      question: text(question) || text(header),
      header: text(header),
      multiple: multiSelect === true || multiple === true,
      options: list(options).map((option) => {
        const { label, description } = fields(option);
        return { label: typeof option === "string" ? option : text(label), description: text(description) };
      }),
    };
  });
}
