/** What a reducer's step is told of its agent when nothing is special about it: of Claude Code's kind of provider. */
import type { Surroundings } from "../../src/agents/model.ts";

/** All but what each test has of its own: times, whose fact it is, limits. */
export const SURROUNDINGS: Omit<Surroundings, "nowMs" | "ranMs" | "source" | "agentId" | "limits"> = {
  permissions: "ask",
  oneshot: false,
  redelivery: "dedupe",
  tornLine: "restart",
  startDeadlineMs: 30_000,
  carriedTotals: [],
  totalsDieWithIt: false,
  metering: { tokens: "answer", costUsd: "answer" },
  budget: {},
  day: null,
  closing: [],
  lastWords: false,
  account: "claude-code:work",
  accountLimits: [],
  model: null,
  onLimit: "park",
  pace: 1,
};
