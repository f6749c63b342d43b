/** The checker of a storm, checked: each check finds what it is for, and nothing where all is well. */
import { describe, expect, test } from "bun:test";
import { CHECK_NAMES, flawsOf, type CheckName } from "../../chaos/check.ts";
import { LATE_MS } from "../../chaos/checks/excuses.ts";
import type { Evidence } from "../../chaos/evidence.ts";
import { goodEvidence, type Falsified } from "./good-evidence.ts";

const [A, B] = ["aaaaaaaa", "bbbbbbbb"];

test("finds nothing where all is well", () => {
  expect(flawsOf(goodEvidence())).toEqual({});
});

test("a turn that was taken out of a wait for its account, and went on because we asked, is no flaw", () => {
  const it = goodEvidence();
  const cut = it.journals[A]?.find((record) => record.type === "ended" && record.outcome === "completed");
  change(cut, { outcome: "interrupted" });
  expect(Object.keys(flawsOf(it))).toEqual(["outcomesAreTrue"]);
  const asked: object = { ...it.shown.inputs[A]?.[0] };
  push(it.shown.inputs[A], { ...asked, n: 99, text: "continue", origin: "limit" });
  push(it.shown.messages[A], { ...it.shown.messages[A]?.[0], text: "echo: continue" });
  expect(flawsOf(it)).toEqual({});
});

test("an input that ran, and was to be run again by a program that never came to be, is judged by the turn it ran in", () => {
  const it = goodEvidence();
  const again = (error: object) => ({
    type: "turn_ended",
    data: { turn: { id: "b-2", outcome: "failed", error } },
  });
  push(it.shown.events[B], { type: "input", data: { input: { n: 1, state: "written", turnId: "b-2" } } });
  push(it.shown.events[B], again({ code: "START_FAILED" }));
  change(it.shown.inputs[B]?.[0], { turnId: "b-2" });
  expect(flawsOf(it).outcomesAreTrue).toBeUndefined();
  remove(it.shown.events[B], (it.shown.events[B]?.length ?? 0) - 1);
  push(it.shown.events[B], again({ code: "BILLING" }));
  expect(flawsOf(it).outcomesAreTrue).toHaveLength(1);
});

/** Each excuses one flaw while it lasts, of the input that it met, and no other. */
describe("excuses no more than a storm has done", () => {
  const late = LATE_MS + 1000;
  const damage = { agent: A, how: "damaged", run: 1, from: 2, to: 3 };
  const abort = { agent: A, act: "abort", tag: null, from: 2, to: 3 };
  const killed = { agent: A, how: "shaken", run: null, from: 2, to: 3 };
  const ended = (it: Evidence, how: string, event: string): void => {
    outcome(it, A, 9, how);
    rewrite(it, "msg_1", (body) => ({ ...body, event, turns: [{ id: "a-1", outcome: how }] }));
    change(it.agents[0], { provider: "opencode" });
  };
  type Case = [what: string, lie: (it: Evidence) => unknown, kind: "harms" | "acts", good: object, bad: object[]];
  const cases: Case[] = [
    [
      "an input that ran twice where strangers took away the proof of its writing",
      (it) => doubleRun(it, 0),
      "harms",
      damage,
      [
        { ...damage, agent: B },
        { ...damage, run: 2 },
        { ...damage, from: 6 + late, to: 7 + late },
        { ...damage, how: "shaken" },
      ],
    ],
    [
      "a turn that was interrupted when somebody asked for it",
      (it) => ended(it, "interrupted", "agent_aborted"),
      "acts",
      abort,
      [
        { ...abort, agent: B },
        { ...abort, act: "resume" },
        { ...abort, from: 6 + late, to: 7 + late },
      ],
    ],
    [
      "an end that went through a helper that was killed",
      (it) => ended(it, "lost", "agent_exited"),
      "harms",
      killed,
      [
        { ...killed, agent: B },
        { ...killed, from: 6 + late, to: 7 + late },
      ],
    ],
    [
      "words that the helper of a killed server had not passed on",
      (it) => {
        remove(it.shown.messages[A], 0);
        ended(it, "lost", "agent_exited");
      },
      "harms",
      killed,
      [
        { ...killed, agent: B },
        { ...killed, from: 6 + late, to: 7 + late },
      ],
    ],
    [
      "an input that is unknown because somebody would not wait for the program to be asked",
      (it) => change(it.shown.inputs[A]?.[1], { state: "unknown" }),
      "acts",
      { ...abort, from: 7, to: 8 },
      [
        { ...abort, agent: B, from: 7, to: 8 },
        { ...abort, from: 8 + late, to: 9 + late },
      ],
    ],
    [
      "an input whose program was ended before its first word",
      (it) => {
        list(it.journals[A]).splice(0, 6);
        list(it.shown.messages[A]).splice(0);
        ended(it, "interrupted", "agent_aborted");
      },
      "acts",
      abort,
      [{ ...abort, agent: B }],
    ],
    [
      "an input whose plain program was killed before its first word",
      (it) => {
        list(it.journals[A]).splice(0, 6);
        list(it.shown.messages[A]).splice(0);
        ended(it, "failed", "agent_error");
        change(it.agents[0], { provider: "some-command" });
      },
      "harms",
      killed,
      [
        { ...killed, agent: B },
        { ...killed, from: 7 + late, to: 8 + late },
      ],
    ],
  ];
  test.each(cases)("%s", (_, lie, kind, good, bad) => {
    const flawsWith = (excuse: object | null): readonly string[] => {
      const it = goodEvidence();
      lie(it);
      if (excuse !== null) push(it[kind], excuse);
      return Object.keys(flawsOf(it));
    };
    expect(flawsWith(null).length).toBeGreaterThan(0);
    expect(flawsWith(good)).toEqual([]);
    for (const each of bad) expect(flawsWith(each)).toEqual(flawsWith(null));
  });
});

/** `lie` falsifies the evidence; `found` must be among the checks that fail. */
const lies: readonly [what: string, found: CheckName, lie: (it: Falsified & Evidence) => unknown][] = [
  ["an input that was taken is not listed", "inputsAreListed", (it) => remove(it.shown.inputs[A], 1)],
  ["an input that was taken is listed twice", "inputsAreListed", (it) => double(it.shown.inputs[B])],
  ["an input that was refused is listed", "inputsAreListed", (it) => change(it.sent[0], { status: 409 })],
  [
    "an input that nobody sent is listed",
    "inputsAreListed",
    (it) => change(it.shown.inputs[B]?.[0], { text: "#x9-9\n" }),
  ],
  ["an input has another number than was answered", "inputsAreListed", (it) => change(it.sent[0], { n: 7 })],
  ["an input was ended twice by its program", "inputsRunOnce", (it) => doubleRun(it, 0)],
  ["an ended input was begun again", "inputsRunOnce", (it) => doubleRun(it, 1)],
  ["one process ran an input twice", "inputsRunOnce", (it) => insert(it.journals[B], 4, it.journals[B]?.[0])],
  [
    "an input of a program that can neither be told nor asked was begun again",
    "inputsRunOnce",
    (it) => {
      change(it.agents[1], { provider: "some-acp" });
      push(it.journals[B], { ...it.journals[B]?.[0], pid: 21, at: 5 });
    },
  ],
  [
    "an input is unknown although its program can be asked",
    "inputsAreSettled",
    (it) => change(it.shown.inputs[B]?.[0], { state: "unknown" }),
  ],
  ["an input that no program ran is called ended", "inputsAreSettled", (it) => list(it.journals[B]).splice(0)],
  ["an input is still accepted", "inputsAreSettled", (it) => change(it.shown.inputs[B]?.[0], { state: "accepted" })],
  [
    "an input that was run is called cancelled",
    "inputsAreSettled",
    (it) => change(it.shown.inputs[A]?.[0], { state: "cancelled" }),
  ],
  ["a completed input was never ended by its program", "inputsAreSettled", (it) => remove(it.journals[A], 5)],
  ["a run that no input tells of", "inputsAreSettled", (it) => remove(it.shown.inputs[B], 0)],
  ["a message is missing", "messagesAreExact", (it) => remove(it.shown.messages[A], 0)],
  ["a message stands twice", "messagesAreExact", (it) => double(it.shown.messages[A])],
  ["two messages are in the wrong order", "messagesAreExact", (it) => list(it.shown.messages[A]).reverse()],
  ["a message lost a letter", "messagesAreExact", (it) => change(it.shown.messages[A]?.[0], { text: "on" })],
  [
    "a message stands under another turn",
    "messagesAreExact",
    (it) => change(it.shown.messages[A]?.[0], { turnId: "a-2" }),
  ],
  ["a message that was never said", "messagesAreExact", (it) => change(it.shown.messages[B]?.[0], { text: "made up" })],
  [
    "a text that was wholly written before a death is missing",
    "messagesAreExact",
    (it) => remove(it.shown.messages[B], 0),
  ],
  ["a turn ends twice", "storiesArePossible", (it) => insert(it.shown.events[B], 6, it.shown.events[B]?.[5])],
  ["a turn never ends", "storiesArePossible", (it) => remove(it.shown.events[B], 5)],
  ["a status goes on from another one", "storiesArePossible", (it) => remove(it.shown.events[A], 6)],
  ["a failed turn is called completed", "outcomesAreTrue", (it) => outcome(it, A, 17, "completed")],
  ["a completed turn is called lost", "outcomesAreTrue", (it) => outcome(it, A, 9, "lost")],
  ["a lost turn is called completed", "outcomesAreTrue", (it) => outcome(it, B, 5, "completed")],
  ["a lost turn is called failed", "outcomesAreTrue", (it) => outcome(it, B, 5, "failed")],
  ["an interrupt that nobody asked for", "outcomesAreTrue", (it) => outcome(it, A, 9, "interrupted")],
  ["an agent stays busy", "nobodyStaysBusy", (it) => change(it.shown.agents[0], { status: "processing" })],
  ["an agent is gone", "nobodyStaysBusy", (it) => remove(it.shown.agents, 0)],
  [
    "an agent is shown as another than it was told",
    "nobodyStaysBusy",
    (it) => change(it.shown.agents[1], { status: "idle" }),
  ],
  ["a turn is told by no notice", "endsAreToldOnce", (it) => forget(it, "msg_4")],
  [
    "a turn is told by two notices",
    "endsAreToldOnce",
    (it) => rewrite(it, "msg_2", (body) => ({ ...body, turns: [{ id: "a-1", outcome: "completed" }] })),
  ],
  [
    "a notice tells another outcome",
    "endsAreToldOnce",
    (it) => rewrite(it, "msg_4", (body) => ({ ...body, turns: [{ id: "b-1", outcome: "completed" }] })),
  ],
  [
    "a notice of another event",
    "endsAreToldOnce",
    (it) => rewrite(it, "msg_3", (body) => ({ ...body, event: "agent_completed" })),
  ],
  ["a question is told by no notice", "endsAreToldOnce", (it) => forget(it, "msg_2")],
  ["a notice is dead", "noticesArrive", (it) => change(it.shown.deliveries[0], { state: "dead" })],
  ["a notice is called delivered and was not taken", "noticesArrive", (it) => remove(it.arrivals, 1)],
  ["a notice arrives with two bodies", "noticesArrive", (it) => change(it.arrivals[0], { body: "{}" })],
  ["a notice of an id that is not listed", "noticesArrive", (it) => change(it.arrivals[0], { id: "msg_9" })],
  ["a notice is not in the receiver's inbox", "receiverPassesOn", (it) => remove(it.receiver.deliveries, 0)],
  ["a notice is in the receiver's inbox twice", "receiverPassesOn", (it) => double(it.receiver.deliveries)],
  ["a notice is not in the channel", "receiverPassesOn", (it) => remove(it.receiver.posts, 0)],
  [
    "a notice is in the channel twice without a death to excuse it",
    "receiverPassesOn",
    (it) => double(it.receiver.posts),
  ],
  ["a 500", "answersAreGood", (it) => push(it.badAnswers, "GET /: 500")],
  ["a process is left", "nothingIsLeft", (it) => push(it.left, "123 program")],
  ["descriptors leak", "nothingGrows", (it) => change(it.resources[0], { after: 60 })],
  ["memory grows", "nothingGrows", (it) => change(it.resources[1], { after: 400_000 })],
  ["zombies stay", "nothingGrows", (it) => change(it.resources[2], { after: 1 })],
];

describe("finds", () => {
  test.each(lies)("%s", (_, found, lie) => {
    const evidence = goodEvidence();
    lie(evidence as Falsified & Evidence);
    expect(Object.keys(flawsOf(evidence))).toContain(found);
  });

  test("something by each of its checks", () => {
    expect([...new Set(lies.map(([, found]) => found))].sort()).toEqual([...CHECK_NAMES].sort());
  });
});

type List = readonly unknown[] | undefined;
const list = (of: List): unknown[] => {
  if (of === undefined) throw new Error("there is nothing to falsify");
  return of as unknown[];
};
const change = (of: object | undefined, more: object): unknown => Object.assign(of ?? list(undefined), more);
const push = (of: List, value: unknown): unknown => list(of).push(value);
const remove = (of: List, at: number): unknown => list(of).splice(at, 1);
const insert = (of: List, at: number, value: unknown): unknown => list(of).splice(at, 0, value);
const double = (of: List): unknown => push(of, list(of)[0]);

/** `ends` of A's first run are wiped out in its first copy: 0 = both are ended. */
function doubleRun({ journals }: Evidence, cut: 0 | 1): void {
  const again = list(journals[A])
    .slice(0, cut === 0 ? 6 : 3)
    .map((record) => ({ ...(record as object), pid: 11 }));
  list(journals[A]).splice(6, 0, ...again);
}

function outcome({ shown }: Evidence, agent: string, at: number, to: string): void {
  change(shown.events[agent]?.[at]?.["data"]?.["turn"], { outcome: to });
}

function forget(it: Evidence, id: string): void {
  for (let at = it.arrivals.length - 1; at >= 0; at--) if (it.arrivals[at]?.id === id) remove(it.arrivals, at);
}

function rewrite(it: Evidence, id: string, how: (body: object) => object): void {
  for (const arrival of it.arrivals)
    if (arrival.id === id) change(arrival, { body: JSON.stringify(how(JSON.parse(arrival.body) as object)) });
}
