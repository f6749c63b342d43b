/** What a person writes for the labels that a box must have, and which boxes are said to have them. */
import { expect, test } from "bun:test";
import type { FleetNode } from "../../../src/inspector/fleet-shapes.ts";
import { fitWords, readLabels } from "../../../src/inspector/fleet-fit.ts";

test.each([
  ["", {}],
  [" gpu=a100,  os=linux ", { gpu: "a100", os: "linux" }],
  ["arm", { arm: "true" }],
  ["gpu=", null],
  ["=a100", null],
  ["a=b=c", null],
  ["__proto__=x", null],
])("%p is %p", (given, labels) => {
  expect(readLabels(given)).toEqual(labels);
});

test("only a box that lives, is not drained, and has the program and all labels is named", () => {
  const node = (name: string, more: Partial<FleetNode> = {}): FleetNode => ({
    ...{ name, reach: "live", seenAt: 0, draining: false, acceptCalls: true, busy: 1, capacity: 2, lag: 0 },
    ...{ version: "1", providers: ["codex"], labels: ["gpu=a100"] },
    ...more,
  });
  const all = [
    node("fits"),
    node("late", { reach: "late" }),
    node("drains", { draining: true }),
    node("other", { providers: ["pi"] }),
    node("bare", { labels: ["gpu=h100"] }),
  ];
  expect(fitWords(all, "codex", { gpu: "a100" })).toStartWith("By program and labels: fits (1 of 2 at work).");
  expect(fitWords(all, "codex", { gpu: "b200" })).toStartWith("No box has both now");
});
