/** Questions that nobody waits for any more: their turn or their process is over. */
import type { AgentState } from "../../words/agent.ts";
import type { Work } from "./work.ts";

export function withdraw(
  { s, out }: Work,
  by: "turn_end" | "exit",
  which: (permission: AgentState["open"][number]) => boolean,
): void {
  for (const each of s.open) {
    if (which(each) && !each.answered) out.push({ do: "settle_permission", id: each.id, state: "withdrawn", by });
  }
  s.open = s.open.filter((each) => !which(each));
}
