/** Why nobody takes a task: the first thing that would have to be mended. */
import { expect, test } from "bun:test";
import type { Wanted } from "../../../src/fleet/blocked.ts";
import { blockedBy } from "../../../src/fleet/blocked.ts";
import type { FleetNode } from "../../../src/fleet/registry.ts";

const node = (change: Partial<FleetNode> = {}): FleetNode => ({
  ...{ no: 1, name: "one", uuid: "u", session: "s", version: "1", publicKey: "", keys: ["aaaa"], seenAt: "", lag: 0 },
  ...{ labels: { gpu: "1" }, providers: ["pi"], projects: ["shop"], capacity: 2, busy: 0 },
  ...{ acceptCalls: true, draining: false, ready: true, reach: "live" },
  ...{ vouched: true, restored: false, settling: false },
  ...change,
});
const task = (change: Partial<Wanted> = {}): Wanted => ({
  ...{ project: "shop", provider: "pi", node: null, labels: {}, repo: null, sealedWith: null, refused: {} },
  ...change,
});

test.each<[string, Wanted, readonly FleetNode[], string | null]>([
  ["nothing", task(), [node()], null],
  ["nobody lives", task(), [node({ reach: "late" })], "no node is live"],
  ["another node is wanted", task({ node: "two" }), [node()], 'node "two" is not live'],
  ["a label of another value", task({ labels: { gpu: "2" } }), [node()], "no node that is live has the label gpu=2"],
  ["a project", task({ project: "x" }), [node()], 'no node that fits has a project "x"'],
  ["a project that can be fetched", task({ project: "x", repo: { url: "https://h/x" } }), [node()], null],
  ["a provider", task({ provider: "x" }), [node()], 'no node that fits has the provider "x"'],
  [
    "a provider that only a node without the project has",
    task({ provider: "x" }),
    [node(), node({ no: 2, projects: [], providers: ["x"] })],
    'no node that fits has the provider "x"',
  ],
  [
    "it was given back",
    task({ refused: { "1": { why: "why", again: false } } }),
    [node()],
    "every node that fits gave it back: why",
  ],
  [
    "it was given back, and one tries again",
    task({ refused: { "1": { why: "never", again: false }, "2": { why: "why", again: true } } }),
    [node(), node({ no: 2, name: "two" })],
    'every node that fits gave it back: why (node "two" tries again soon)',
  ],
  ["a key that it has", task({ sealedWith: "aaaa" }), [node()], null],
  [
    "a key that nobody has",
    task({ sealedWith: "bbbb" }),
    [node()],
    "no node that fits has the key bbbb that its secrets are sealed with (fleet.key)",
  ],
  ["draining", task(), [node({ draining: true })], "every node that fits is draining"],
  ["no room ever", task(), [node({ capacity: 0 })], "every node that fits has a capacity of 0"],
  ["no room now", task(), [node({ busy: 2 })], "every node that fits is full"],
  [
    "the database was started anew, and a node has not been heard of since",
    task(),
    [node(), node({ no: 2, name: "two", reach: "late", vouched: false })],
    'the database was started anew: node "two" has not been heard of since',
  ],
  ["a lost node has not been heard of since", task(), [node(), node({ no: 2, reach: "lost", vouched: false })], null],
  [
    "it was brought back from a backup, and a lost node may have run something",
    task(),
    [node({ restored: true }), node({ no: 2, name: "two", reach: "lost", vouched: false, restored: true })],
    'the database was brought back from a backup: node "two" has to say what it ran since (agent-harness nodes rm goes on without one that is lost)',
  ],
  [
    "it was brought back from a backup a moment ago",
    task(),
    [node({ restored: true, settling: true })],
    "the database was brought back from a backup: nodes that it does not know are waited for a moment",
  ],
  ["everybody has said what it ran", task(), [node({ restored: true })], null],
  ["one of two has room", task(), [node({ busy: 2 }), node({ no: 2, name: "two" })], null],
])("%s", (_, wanted, nodes, expected) => {
  expect(blockedBy(wanted, nodes)).toBe(expected);
});
