/** What a storm leaves when all went well, small: two agents, three turns, a question, four notices. */
import type { Evidence } from "../../chaos/evidence.ts";

/** A copy of its own for each test, so that it can be falsified. */
export function goodEvidence(): Evidence {
  const [a, b] = ["aaaaaaaa", "bbbbbbbb"];
  const event = (id: number, agent: string, type: string, data: object) => ({ id, agent, type, project: "p", data });
  const status = (id: number, agent: string, from: string, to: string) =>
    event(id, agent, "agent_status", { from, to, cause: { source: "frame", detail: "" } });
  const input = (id: number, agent: string, n: number, state: string, turn: string) =>
    event(id, agent, "input", { input: { n, state, turnId: turn } });
  const turn = (id: number, agent: string, which: string, outcome: string | null) =>
    event(id, agent, outcome === null ? "turn_started" : "turn_ended", {
      turn: { id: which, origin: "input", outcome },
    });
  const message = (id: number, turnId: string, text: string) => ({ id, turnId, role: "assistant", text });
  const notice = (agent: string, name: string, more: object) =>
    JSON.stringify({
      event: name,
      project: "p",
      agentId: agent,
      provider: "x",
      status: "idle",
      lastMessage: null,
      ...more,
    });
  const turns = (id: string, outcome: string) => ({ turns: [{ id, outcome }] });
  const bodies: readonly (readonly [id: string, body: string])[] = [
    ["msg_1", notice(a, "agent_completed", turns("a-1", "completed"))],
    ["msg_2", notice(a, "agent_waiting_input", { permission: { id: "p1" } })],
    ["msg_3", notice(a, "agent_error", turns("a-2", "failed"))],
    ["msg_4", notice(b, "agent_exited", turns("b-1", "lost"))],
  ];
  const evidence = {
    agents: [
      { id: a, provider: "claude-code" },
      { id: b, provider: "pi" },
    ],
    sent: [
      { agent: a, tag: "#clau0-0", at: 0, status: 202, n: 1 },
      { agent: a, tag: "#clau0-1", at: 0, status: 202, n: 2 },
      { agent: b, tag: "#pi1-0", at: 0, status: 202, n: 1 },
      { agent: b, tag: "#pi1-1", at: 0, status: 409, n: null },
    ],
    acts: [],
    harms: [],
    journals: {
      [a]: [
        { pid: 10, at: 1, type: "started", origin: "input", text: "#clau0-0\nhello", key: "k1", run: 1 },
        { pid: 10, at: 2, type: "saying", text: "one" },
        { pid: 10, at: 3, type: "said", text: "one" },
        { pid: 10, at: 4, type: "saying", text: "two" },
        { pid: 10, at: 5, type: "said", text: "two" },
        { pid: 10, at: 6, type: "ended", outcome: "completed", code: null },
        { pid: 10, at: 7, type: "started", origin: "input", text: "#clau0-1\nhello", key: "k2", run: 1 },
        { pid: 10, at: 8, type: "ended", outcome: "failed", code: "overloaded" },
      ],
      [b]: [
        { pid: 20, at: 1, type: "started", origin: "input", text: "#pi1-0\nhello", key: "k3", run: 1 },
        { pid: 20, at: 2, type: "saying", text: "whole" },
        { pid: 20, at: 3, type: "said", text: "whole" },
        { pid: 20, at: 4, type: "saying", text: "cut off" },
      ],
    },
    shown: {
      agents: [
        { id: a, provider: "claude-code", status: "error", queuedInputs: 0 },
        { id: b, provider: "pi", status: "exited", queuedInputs: 0 },
      ],
      inputs: {
        [a]: [
          { n: 1, text: "#clau0-0\nhello", state: "ended", turnId: "a-1" },
          { n: 2, text: "#clau0-1\nhello", state: "ended", turnId: "a-2" },
        ],
        [b]: [{ n: 1, text: "#pi1-0\nhello", state: "ended", turnId: "b-1" }],
      },
      messages: {
        [a]: [message(1, "a-1", "one"), message(2, "a-1", ""), message(3, "a-1", "two")],
        [b]: [message(4, "b-1", "whole"), message(5, "b-1", "cut")],
      },
      events: {
        [a]: [
          turn(1, a, "a-1", null),
          input(2, a, 1, "queued", "a-1"),
          status(3, a, "idle", "processing"),
          input(4, a, 1, "written", "a-1"),
          input(5, a, 1, "accepted", "a-1"),
          event(6, a, "permission_requested", { permission: { id: "p1" } }),
          status(7, a, "processing", "waiting_input"),
          event(8, a, "permission_settled", { permission: { id: "p1", state: "allowed" } }),
          status(9, a, "waiting_input", "processing"),
          turn(10, a, "a-1", "completed"),
          input(11, a, 1, "ended", "a-1"),
          status(12, a, "processing", "idle"),
          turn(13, a, "a-2", null),
          input(14, a, 2, "queued", "a-2"),
          status(15, a, "idle", "processing"),
          input(16, a, 2, "written", "a-2"),
          input(17, a, 2, "accepted", "a-2"),
          turn(18, a, "a-2", "failed"),
          input(19, a, 2, "ended", "a-2"),
          status(20, a, "processing", "error"),
        ],
        [b]: [
          turn(21, b, "b-1", null),
          input(22, b, 1, "queued", "b-1"),
          status(23, b, "idle", "processing"),
          input(24, b, 1, "written", "b-1"),
          input(25, b, 1, "accepted", "b-1"),
          turn(26, b, "b-1", "lost"),
          input(27, b, 1, "ended", "b-1"),
          status(28, b, "processing", "exited"),
        ],
      },
      deliveries: bodies.map(([id]) => ({ id, state: "delivered" })),
    },
    arrivals: bodies.flatMap(([id, body]) => [
      { id, body, how: "500", status: 500 },
      { id, body, how: null, status: 202 },
    ]),
    receiver: {
      deliveries: bodies.map(([id], n) => ({
        id: `000000000${n}`,
        webhookId: id,
        sinks: { discord: { state: "delivered", tries: 1, interrupted: 0 } },
      })),
      posts: bodies.map((_, n) => `000000000${n}`),
      askedAgain: [],
    },
    badAnswers: [],
    left: [],
    resources: [
      { what: "daemon descriptors", before: 14, after: 18 },
      { what: "daemon memory", before: 8000, after: 30_000 },
      { what: "daemon zombies", before: 0, after: 0 },
    ],
    strikes: [],
  };
  // As it would come from the API: leaves are read through String and Number.
  return JSON.parse(JSON.stringify(evidence)) as Evidence;
}

/** Any part of it, to be changed. */
export type Falsified = { [key: string]: Falsified } & Falsified[];
