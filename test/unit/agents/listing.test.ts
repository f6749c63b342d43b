import { expect, test } from "bun:test";
import { initialState } from "../../../src/store/agent-state.ts";
import type { AgentFilter } from "../../../src/api/listing.ts";
import { agentsPage } from "../../../src/api/listing.ts";
import type { Agent } from "../../../src/store/agents.ts";

const agent = (id: string, createdAt: number, rest: Partial<Agent> = {}): Agent => ({
  id,
  project: "p",
  name: null,
  provider: "pi",
  uuid: "u",
  state: initialState(createdAt),
  createdAt,
  updatedAt: createdAt,
  settings: { model: null, permissions: null, systemPrompt: null, env: {}, webhook: null, metadata: {} },
  ...rest,
});

/** In no order, two of the same millisecond. */
const all = [agent("cc", 7), agent("bb", 7, { provider: "codex" }), agent("aa", 9, { project: "q" }), agent("dd", 1)];

function read(filter: Partial<AgentFilter>): { ids: string[]; next: string | null } {
  const { agents, next } = JSON.parse(agentsPage(all, { limit: 200, ...filter })) as {
    agents: { id: string }[];
    next: string | null;
  };
  return { ids: agents.map(({ id }) => id), next };
}

test("pages are oldest first, and each begins behind the one before", () => {
  expect(read({ limit: 2 })).toEqual({ ids: ["dd", "bb"], next: "7-bb" });
  expect(read({ limit: 2, after: "7-bb" })).toEqual({ ids: ["cc", "aa"], next: null });
  expect(read({ after: "9-aa" })).toEqual({ ids: [], next: null });
});

test("a cursor of an agent that is gone still says where to go on", () => {
  expect(read({ after: "7-bc" }).ids).toEqual(["cc", "aa"]);
});

test.each([
  [{ project: "q" }, ["aa"]],
  [{ provider: "codex" }, ["bb"]],
  [{ status: ["idle" as const] }, ["dd", "bb", "cc", "aa"]],
  [{ status: ["error" as const] }, []],
])("a filter leaves out the others: %j", (filter, ids) => {
  expect(read(filter).ids).toEqual(ids);
});
