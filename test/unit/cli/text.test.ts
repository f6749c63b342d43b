/** Text of strangers on a terminal: harmless, and never wider than the window. */
import { describe, expect, test } from "bun:test";
import { layTable } from "../../../src/cli/table.ts";
import { fit, lines, oneLine, widthOf, withoutEscapes, wrap } from "../../../src/cli/text.ts";

const HARD = [
  "plain words with spaces between them",
  "漢字かな交じり文はとても幅が広いので折り返される",
  "👩‍👩‍👧‍👦👨🏽‍🚀🇩🇪🏳️‍🌈 families and flags",
  "e\u0301a\u0308o\u0302 combining n\u0303 marks \u0915\u094d\u0937",
  "שלום עולם مرحبا بالعالم right to left",
  "a\u200bb zero width \ufeff and ﷽ wide ligature",
  "x".repeat(300),
];
const WIDTHS = [20, 40, 79, 80, 200];

describe.each(WIDTHS)("in %d columns", (width) => {
  test.each(HARD)("%p is cut and wrapped within them", (text) => {
    expect(Bun.stringWidth(fit(text, width))).toBeLessThanOrEqual(width);
    expect(widthOf(fit(text, width))).toBeLessThanOrEqual(width);
    for (const line of wrap(oneLine(text), width)) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
  });

  test("no line of a table is wider, and no name is cut", () => {
    const rows = HARD.map((text, i) => [
      `project-${i}/${"n".repeat(i * 9 + 1)}`,
      "waiting_input",
      text,
      "1:02:03",
      "$0.61",
    ]);
    const columns = [
      { head: "AGENT", whole: true },
      { head: "STATUS" },
      { head: "DOING", shrinkTo: 16 },
      { head: "TIME", right: true, dropAt: 1 },
      { head: "COST", right: true, dropAt: 2 },
    ] as const;
    const laid = layTable(columns, rows, width, false);
    for (const line of laid) expect([line, Bun.stringWidth(line) <= width]).toEqual([line, true]);
    const all = laid.join("").replaceAll(" ", "");
    for (const [name = ""] of rows) expect(all).toContain(name);
  });
});

test("what is cut ends in … at the end of a character", () => {
  expect(fit("abcdef", 4)).toBe("abc…");
  expect(fit("漢字漢字", 4)).toBe("漢…");
  expect(fit("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 4)).toBe("…");
  expect(fit("abc", 3)).toBe("abc");
});

test("columns go in their order, and the flexible one shrinks last", () => {
  const columns = [
    { head: "A", whole: true },
    { head: "DOING", shrinkTo: 16 },
    { head: "TIME", dropAt: 1 },
    { head: "COST", dropAt: 2 },
  ] as const;
  const row = ["name", "d".repeat(60), "12:00", "$1.00"];
  const heads = (width: number): string[] => (layTable(columns, [row], width, false)[0] ?? "").split(/ {2,}/);
  expect(heads(120)).toEqual(["A", "DOING", "TIME", "COST"]);
  // Everything is kept as long as DOING has 16 columns.
  expect(heads(60)).toEqual(["A", "DOING", "TIME", "COST"]);
  expect(layTable(columns, [["n".repeat(30), "d".repeat(60), "12:00", "$1.00"]], 57, false)[0]).toMatch(
    /A +DOING +TIME$/,
  );
});

describe("nothing of a stranger acts on the terminal", () => {
  const EVIL = "a\u001b[31mred\u001b]0;title\u0007\u0000\u009b2J\u202egnp.exe\u2066x\u2028y\u0085z\r\nend";

  test("in a line", () => {
    expect(oneLine(EVIL)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/);
    expect(oneLine("\u001b[31m")).toBe("␛[31m");
  });

  test("in a block, whose lines stay lines", () => {
    expect(lines("a\r\nb\tc\u001b[2J")).toEqual(["a", "b    c␛[2J"]);
  });

  test("in exact text, which loses sequences whole and keeps its line breaks", () => {
    expect(withoutEscapes("a\u001b[31mred\u001b[0m\n\u001b]0;title\u0007b\u001bc\tc")).toBe("ared\nb\tc");
    expect(withoutEscapes(EVIL)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  });
});
