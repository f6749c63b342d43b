/**
 * Every statement of `src/fleet`, read from its source, so that none is forgotten: whatever is asked of the database is
 * a literal that begins with a verb of SQL, or a constant that holds one.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface Statement {
  readonly file: string;
  /** As it is sent, with `~` before each table. */
  readonly sql: string;
}

const FOLDER = join(import.meta.dir, "../../../src/fleet");

/** What the program puts into a statement itself, beside constants: every value that it may have. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  table: ["agents", "permissions", "messages", "events", "cursors"],
  name: ["events_rest"],
  'AGENT_ID.test(name) ? "id" : "name"': ["id", "name"],
  'forward ? "" : "DESC"': ["", "DESC"],
};

/** Those that read or change rows, or begin with a constant that does: the others make and drop tables. */
const VERB = /[`"](?=\s*(?:(?:SELECT|INSERT|UPDATE|DELETE|WITH)\s|\$\{[A-Z_]+\}))/g;
/** Asks the box's own store. */
const OTHER_STORE = "identity.ts";

export function fleetStatements(): readonly Statement[] {
  const sources = new Map(
    readdirSync(FOLDER)
      .filter((file) => file.endsWith(".ts"))
      .map((file) => [file, readFileSync(join(FOLDER, file), "utf8")] as const),
  );
  sources.delete(OTHER_STORE);
  return [...sources].flatMap(([file, source]) =>
    [...source.matchAll(VERB)]
      .filter(({ index }) => !isPiece(source, index))
      .map(({ index }) => literalAt(source, index))
      .filter((text) => beginsWithVerb(text, file, sources))
      .flatMap((text) => filled(text, file, sources).map((sql) => ({ file, sql }))),
  );
}

function beginsWithVerb(text: string, file: string, sources: ReadonlyMap<string, string>): boolean {
  const [, name] = /^\s*\$\{([A-Z_]+)\}/.exec(text) ?? [];
  return /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\s/.test(name === undefined ? text : constant(name, file, sources));
}

/** A constant that is only ever a part of others. */
function isPiece(source: string, start: number): boolean {
  const name = /const ([A-Z_]+) =\s*$/.exec(source.slice(0, start))?.[1];
  if (name === undefined) return false;
  return [...source.matchAll(new RegExp(`\\b${name}\\b`, "g"))].every(({ index }) =>
    /(?:const |\$\{)$/.test(source.slice(0, index)),
  );
}

/** What is asked that is no such literal: nobody would see it here. */
export function hiddenQuestions(): readonly string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) =>
      [...readFileSync(join(FOLDER, file), "utf8").matchAll(/\b(?:ask|inside|tx|sql)\(\s*([^\s,)]+)/g)]
        .map(([, first = ""]) => first)
        // `statement` is what such a literal is called where it is handed on; a question to a box is an object.
        .filter(
          (first) =>
            !/^(?:[`"](?:SELECT|INSERT|UPDATE|DELETE|WITH|SET|CREATE|ALTER|DROP|$|\$\{[A-Z_]+\})|[A-Z_]+$|statement$|question:|\{)/.test(
              first,
            ),
        )
        .map((first) => `${file}: ${first}`),
    );
}

/** The text between the quotes, as it stands in the source. */
function literalAt(source: string, start: number): string {
  const quote = source[start];
  let depth = 0;
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === "\\") at += 1;
    else if (quote === "`" && source.startsWith("${", at)) depth += 1;
    else if (depth > 0 && source[at] === "}") depth -= 1;
    else if (depth === 0 && source[at] === quote) return source.slice(start + 1, at);
  }
  throw new Error(`a literal without an end: ${source.slice(start, start + 80)}`);
}

function filled(text: string, file: string, sources: ReadonlyMap<string, string>): readonly string[] {
  const [whole, expression] = /\$\{([^}]*)\}/.exec(text) ?? [];
  if (whole === undefined || expression === undefined) return [text.replaceAll("\\\\", "\\")];
  const values = VARIANTS[expression] ?? [constant(expression, file, sources)];
  return values.flatMap((value) =>
    filled(
      text.replace(whole, () => value),
      file,
      sources,
    ),
  );
}

/** `NAME`, or `NAME + 1`, of the same file or of the only one that has it. */
function constant(expression: string, file: string, sources: ReadonlyMap<string, string>): string {
  const [, name = "", more] = /^([A-Z_]+)(?: \+ (\d+))?$/.exec(expression) ?? [];
  const declared = new RegExp(`const ${name} = \\s*`);
  const found = [file, ...sources.keys()].find((each) => declared.test(sources.get(each) ?? ""));
  const source = sources.get(found ?? "") ?? "";
  const match = name === "" ? null : declared.exec(source);
  if (match === null) throw new Error(`${file}: what may \${${expression}} be in a statement? Say it in VARIANTS`);
  const at = match.index + match[0].length;
  if (/[`"]/.test(source[at] ?? "")) return literalAt(source, at);
  return String(Number(/^[\d_]+/.exec(source.slice(at))?.[0].replaceAll("_", "")) + Number(more ?? 0));
}
