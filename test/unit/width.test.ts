/**
 * One hand: lines end at 120 columns unless one literal is too long to, and a type of more than three members has one a
 * line. Tables (`*.table.ts`) are laid out as tables. The rest is the formatter's (`.editorconfig`).
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const WIDTH = 120;
const ROOT = join(import.meta.dir, "..", "..");
const files = [...new Bun.Glob("{src,test}/**/*.ts").scanSync(ROOT)].filter((file) => !file.endsWith(".table.ts"));

/** A type in braces with at least three separators: members of types end in a semicolon. */
const CROWDED = /\{ [^{}"'`]*(?:;[^{}"'`]*){3,}\}/;

function flawsOf(file: string, text: string): string[] {
  const lines = text.split("\n");
  const suspects = lines.flatMap((line, i) => (line.length > WIDTH ? [i] : []));
  const literals = suspects.length === 0 ? [] : literalsOf(text);
  return [
    ...suspects
      .filter((i) => (lines[i]?.length ?? 0) - (literals[i] ?? 0) > WIDTH)
      .map((i) => `${file}:${i + 1} is a long line`),
    ...lines.flatMap((line, i) => (CROWDED.test(line) ? [`${file}:${i + 1} crowds a type`] : [])),
  ];
}

/** For each line: how long is its longest literal (text, template, pattern)? */
function literalsOf(text: string): number[] {
  const longest = [0];
  let open = "";
  let run = 0;
  let depth = 0;
  let before = "";
  for (let at = 0; at < text.length; at++) {
    const [char, next] = [text[at] ?? "", text[at + 1] ?? ""];
    run = open === "" || open === "//" || open === "/*" ? 0 : run + 1;
    longest.push(Math.max(longest.pop() ?? 0, run));
    if (char === "\n") [run] = [0, longest.push(0)];
    if (open === "") {
      if (char === "/" && (next === "/" || next === "*")) open = char + next;
      else if (/["'`]/.test(char) || (char === "/" && /[(,=:[!&|?;{}]/.test(before))) open = char;
      if (char.trim() !== "") before = char;
    } else if (open === "//") open = char === "\n" ? "" : open;
    else if (open === "/*") open = char === "/" && text[at - 1] === "*" ? "" : open;
    else if (char === "\\") [at, run] = [at + 1, run + 1];
    else if (open === "`" && char === "$" && next === "{") depth++;
    else if (open === "`" && depth > 0) depth -= char === "}" ? 1 : 0;
    else if (open === "/" && char === "[") open = "[";
    else if (open === "[") open = char === "]" ? "/" : "[";
    else if (char === open || (char === "\n" && open !== "`")) [open, before] = ["", ")"];
  }
  return longest;
}

test("no line is wider than 120 columns but for a literal, and no type is crowded into one", () => {
  expect(files.flatMap((file) => flawsOf(file, readFileSync(join(ROOT, file), "utf8")))).toEqual([]);
});

test("both are found where they are", () => {
  const words = "word ".repeat(30);
  expect(flawsOf("a", `const a = 1; // ${words}\n`)).toEqual(["a:1 is a long line"]);
  expect(flawsOf("a", `const a = "x" + ${"b + ".repeat(30)}c;\n`)).toEqual(["a:1 is a long line"]);
  expect(flawsOf("a", `const a = "${words}";\nconst b = \`\n\${c}${words}\n\`;\nconst d = /[/"]${words}/;\n`)).toEqual(
    [],
  );
  expect(flawsOf("a", `type A = { ${"a: 1; ".repeat(4)}};\n`)).toEqual(["a:1 crowds a type"]);
  expect(flawsOf("a", "type A = { a: 1; b: 2; c: 3 };\n")).toEqual([]);
});
