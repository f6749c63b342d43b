/** The fleet's answers as the page reads them, and the addresses of other boxes' pages. */
import { expect, test } from "bun:test";
import { readNode, readTask, readWaiting } from "../../../src/inspector/fleet-shapes.ts";
import { keyOf, nodeIn, onNode, permissionKey } from "../../../src/inspector/place.ts";

test("what is none of them is left out, and what they leave out is filled", () => {
  for (const read of [readNode, readTask, readWaiting])
    for (const nothing of [null, undefined, 7, "x", [], {}, { name: 7, id: [], node: null }])
      expect(read(nothing)).toBeNull();
  expect(readNode({ name: "a" })).toEqual({
    ...{ name: "a", reach: "", seenAt: 0, draining: false, acceptCalls: false, busy: 0, capacity: 0 },
    ...{ lag: null, version: "", providers: [], labels: [] },
  });
  expect(readTask({ id: "task_1", reach: "lost", labels: 3 })).toMatchObject({ lost: true, state: "", holder: null });
});

test("a request of another box has its place from around it, and cannot be answered while nobody hears of the box", () => {
  const row = { node: "far", project: "shop", agent: "a1b2c3d4", name: "fix", permission: { id: "p1", tool: "Bash" } };
  const waiting = readWaiting({ ...row, reach: "live" });
  expect(waiting).toMatchObject({ node: "far", project: "shop", agentName: "fix", unreachable: false });
  expect(["late", "lost", "a newer word"].map((reach) => readWaiting({ ...row, reach })?.unreachable)).toEqual([
    ...[true, true, true],
  ]);
  // Two boxes may have agents of the same id.
  expect(waiting === null ? "" : keyOf(waiting)).not.toBe(permissionKey("a1b2c3d4", "p1"));
});

test.each(["far", "a b", "ä&node=x#?", "..%2f"])(
  "a box called %s is found again in the address of its page",
  (name) => {
    const url = new URL(onNode(name, "#/a/shop/a1b2c3d4"), "http://127.0.0.1:7070");
    expect([nodeIn(url.search), url.pathname, url.hash]).toEqual([name, "/inspect", "#/a/shop/a1b2c3d4"]);
  },
);

test("this box's own page names none", () => {
  expect([onNode(null, "#/"), nodeIn("")]).toEqual(["/inspect#/", null]);
});
