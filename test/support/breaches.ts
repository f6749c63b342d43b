/**
 * Reads a source as a rule does: without its comments, and by what its names stand for, so that a mistake is found also
 * where it does not stand on one line. Each finder gives the lines (from 1) on which its rule is broken. They know only
 * the file at hand: what is handed to another one under a new name is that one's to break.
 */

/** The same lines without comments, and without what stands in literals of strings and of patterns. */
export function codeOf(text: string): string {
  let code = "";
  let at = 0;
  /** Braces that are open in each template that we are inside of. */
  const templates: number[] = [];
  const keep = (upTo: number): void => void ((code += text.slice(at, upTo)), (at = upTo));
  const drop = (upTo: number): void => void ((code += text.slice(at, upTo).replace(/[^\n]/g, " ")), (at = upTo));
  const literal = (pattern: RegExp): void => {
    pattern.lastIndex = at;
    const end = at + (pattern.exec(text)?.[0].length ?? 1);
    keep(at + 1);
    if (end > at) (drop(end - 1), keep(end));
  };
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const one = two[0] ?? "";
    if (two === "//") drop(text.indexOf("\n", at) < 0 ? text.length : text.indexOf("\n", at));
    else if (two === "/*") drop(text.indexOf("*/", at) < 0 ? text.length : text.indexOf("*/", at) + 2);
    else if (one === '"' || one === "'") literal(one === '"' ? /"(?:[^"\\\n]|\\.)*"/y : /'(?:[^'\\\n]|\\.)*'/y);
    else if (one === "/" && /(?:^|[(,=:[!&|?{};+]|\breturn|=>)\s*$/.test(code.slice(-80)))
      literal(/\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//y);
    else if (one === "`" || (one === "}" && templates.at(-1) === 0)) {
      if (one === "}") templates.pop();
      keep(at + 1);
      const words = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y;
      words.lastIndex = at;
      drop(at + (words.exec(text)?.[0].length ?? 0));
      if (text.startsWith("${", at)) (templates.push(0), keep(at + 2));
      else keep(at + 1);
    } else {
      const open = templates.length - 1;
      if (open >= 0 && (one === "{" || one === "}")) templates[open] = (templates[open] ?? 0) + (one === "{" ? 1 : -1);
      keep(at + 1);
    }
  }
  return code;
}

/** Any line that the pattern finds. */
export const matching =
  (pattern: RegExp) =>
  (text: string): readonly number[] =>
    linesOf(codeOf(text), pattern);

function linesOf(code: string, pattern: RegExp): readonly number[] {
  const global = new RegExp(pattern.source, pattern.flags.includes("g") ? pattern.flags : `${pattern.flags}g`);
  const lines = [...code.matchAll(global)].map(({ index, 0: found }) => {
    const at = index + found.length - found.trimStart().length;
    return code.slice(0, at).split("\n").length;
  });
  return [...new Set(lines)];
}

const OPENERS = [
  ...["open", "openSync", "openAsBlob", "opendir", "opendirSync", "readdir", "readdirSync", "readFile"],
  ...["readFileSync", "writeFile", "writeFileSync", "appendFile", "appendFileSync", "createReadStream", "ReadStream"],
  ...["createWriteStream", "WriteStream", "copyFile", "copyFileSync", "cp", "cpSync", "truncate", "truncateSync"],
  ...["glob", "globSync", "promises", "default"],
];
const FS = String.raw`["'](?:node:)?fs(?:\/promises)?["']`;

/** Where a file is opened by its path: with anything of the file system's modules, under whatever name, or of Bun's. */
export function openings(text: string): readonly number[] {
  const names: string[] = [];
  const lines: number[] = [];
  const imports = [...text.matchAll(new RegExp(String.raw`^import\s+([^;"']*?)\s+from\s+${FS}`, "gm"))];
  let rest = text;
  for (const { 0: whole, 1: clause = "", index } of imports) {
    rest = rest.slice(0, index) + whole.replace(/[^\n]/g, " ") + rest.slice(index + whole.length);
    if (clause.startsWith("type ")) continue;
    const all = /\*\s*as\s+(\w+)/.exec(clause)?.[1] ?? /^(\w+)/.exec(clause)?.[1];
    if (all !== undefined) names.push(all);
    for (const each of (/\{([^]*)\}/.exec(clause)?.[1] ?? "").split(",")) {
      const [name = "", local = name] = each.trim().split(/\s+as\s+/);
      if (OPENERS.includes(name)) names.push(local);
    }
  }
  lines.push(
    ...linesOf(text, new RegExp(String.raw`\b(?:require|import)\(\s*${FS}|^export\s[^;]*\sfrom\s+${FS}`, "m")),
  );
  const used = [...names.map((name) => String.raw`(?<![.\w])${name}\b`), String.raw`\bBun\.(?:file|write|mmap)\b`];
  lines.push(...linesOf(codeOf(rest), new RegExp(used.join("|"))));
  return [...new Set(lines)].sort((a, b) => a - b);
}

const READS_WALL = String.raw`(?:\b(?:Date\.now|(?:\w+\.)*\w*[cC]lock\.now)\(\))`;
/** What the house calls the wall clock where it comes as an argument. */
const WALL_NAMES = ["now", "nowMs", "wallMs"];

/** Names that stand for the wall clock in this file: given its reading, or called as the house calls it. */
function wallNames(code: string): { readonly values: readonly string[]; readonly readers: readonly string[] } {
  const found = (pattern: string): string[] =>
    [...code.matchAll(new RegExp(pattern, "g"))].map(([, name = ""]) => name).filter((name) => name !== "");
  const values = found(String.raw`\b(\w+)(?:\s*:\s*number)?\s*(?<![=!<>])(?:=|\?\?=|:)\s*${READS_WALL}`);
  const readers = [
    ...found(String.raw`\b(\w+)\s*[=:]\s*\(\)(?:\s*:\s*number)?\s*=>\s*${READS_WALL}\s*[;,)\n]`),
    ...found(String.raw`\b(\w+)\s*[=:]\s*(?:Date|(?:\w+\.)*\w*[cC]lock)\.now\b(?!\()`),
    ...found(String.raw`\{[^{}]*?\bnow(?:\s*:\s*(\w+))?[^{}]*\}\s*=\s*(?:\w+\.)*\w*[cC]lock\b`),
  ];
  if (new RegExp(String.raw`\{[^{}]*\bnow\b\s*[,}][^{}]*=\s*(?:\w+\.)*\w*[cC]lock\b`).test(code)) readers.push("now");
  for (const { 1: names = "", 2: given = "" } of code.matchAll(/\[([\w\s,]+)\]\s*=\s*\[([^\]]*)\]/g)) {
    const each = given.split(/,(?![^(]*\))/);
    for (const [i, name] of names.split(",").entries())
      if (new RegExp(`^\\s*${READS_WALL}\\s*$`).test(each[i] ?? "")) values.push(name.trim());
  }
  const running = (name: string): boolean =>
    new RegExp(String.raw`\b${name}\b(?:\s*:\s*number)?\s*=\s*[^;]*?(?:monotonic|performance\.now|[rR]unning)`).test(
      code,
    );
  return { values: [...values, ...WALL_NAMES.filter((name) => !running(name))], readers };
}

/** Where a time of the wall clock is compared or reckoned with. */
export function wallReckonings(text: string): readonly number[] {
  const code = codeOf(text);
  const { values, readers } = wallNames(code);
  const named = String.raw`(?:\w+\??\.)*(?<!\$)\b(?:${values.join("|")})\b(?!\s*[:(?\w]|\.\w)`;
  const asked = readers.length === 0 ? "(?!)" : String.raw`(?<![.\w])(?:${readers.join("|")})\(\)`;
  const wall = `(?:${READS_WALL}|${named}|${asked})`;
  const before = String.raw`${wall}\)?\s*(?:[-+<%]|>(?!\s*\{))(?![-+])=?`;
  const behind = String.raw`(?<![-+=])[-+<>%]=?\s*\(?${wall}`;
  return linesOf(code, new RegExp(`${before}|${behind}|\\bMath\\.(?:min|max|abs)\\([^;]*?${wall}`));
}

/** Where JSON becomes a value that is anything, instead of one that is not known until it was looked at. */
export function believedJson(text: string): readonly number[] {
  const code = codeOf(text);
  const lines: number[] = [];
  for (const { 0: found, index } of code.matchAll(/\bJSON\.parse\(|(?<!static )\.json\(\)|\b(?:tryJson|fromJson)\(/g)) {
    const end = found.endsWith(")") ? index + found.length : closing(code, index + found.length);
    const rest = code.slice(end);
    const cast = /^[\s)]*as\s+(?!const\b)(unknown\b(?:\s+as\b)?|)/.exec(rest)?.[1];
    const known = found.startsWith("JSON") || found.startsWith(".json");
    const declared = /:\s*unknown\s*=\s*(?:await\s+)?[\w.()]*$/.test(code.slice(0, index));
    const right = cast === undefined ? !known || declared : cast === "unknown";
    if (!right) lines.push(code.slice(0, index).split("\n").length);
  }
  return lines;
}

/** Behind the parenthesis that closes the one before `from`. */
function closing(code: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; at < code.length && depth > 0; at++) depth += code[at] === "(" ? 1 : code[at] === ")" ? -1 : 0;
  return at;
}
