/** How staying with an input ends. */
import type { Asked } from "../asks.ts";
import type { AgentShape, TurnShape } from "../shapes.ts";
import { nameOf } from "../shapes.ts";

/** How it ended, or why we leave. */
export type Ending =
  | { readonly how: "turn"; readonly turn: TurnShape }
  | { readonly how: "waits"; readonly request: Asked }
  | { readonly how: "cancelled" }
  | { readonly how: "exited"; readonly why: string }
  | { readonly how: "left"; readonly code: number };

/** What it waits for, and the command that answers. */
export function waitsWords(agent: AgentShape, { id, title }: Pick<Asked, "id" | "title">): string {
  return `${nameOf(agent)} waits: ${title}        agent-harness approve ${nameOf(agent)} ${id}`;
}
