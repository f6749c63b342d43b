/** What the inspector's own source must never do, whatever the browser would forbid as well. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../../../src/inspector");
const files = [...new Bun.Glob("**/*.ts").scanSync(ROOT)].map((name) => ({
  name,
  source: readFileSync(join(ROOT, name), "utf8"),
}));

test("no source of the page makes markup out of text", () => {
  const ways =
    /innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|setAttribute\("on|createContextualFragment|eval\(|new Function/;
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter(({ source }) => ways.test(source)).map(({ name }) => name)).toEqual([]);
});

test("only the one helper makes elements", () => {
  const makers = files.filter(({ source }) => /document\.createElement(NS)?\(/.test(source)).map(({ name }) => name);
  expect(makers).toEqual(["dom.ts"]);
});

test("nothing of the page asks another origin", () => {
  const calls = files.filter(
    ({ name, source }) =>
      name !== "client.ts" && /\bfetch\(|XMLHttpRequest|sendBeacon|WebSocket|EventSource\(/.test(source),
  );
  expect(calls.map(({ name }) => name)).toEqual([]);
});
