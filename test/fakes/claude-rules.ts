/** Permission rules as Claude Code writes them, and a way into JSON of which nobody knows the shape. */

export function ruleOf(tool: string, input: Record<string, unknown>): { toolName: string; ruleContent?: string } {
  const command = input["command"];
  return typeof command === "string" ? { toolName: tool, ruleContent: command } : { toolName: tool };
}

export function ruleText({ toolName, ruleContent }: { toolName: string; ruleContent?: string }): string {
  return ruleContent === undefined ? toolName : `${toolName}(${ruleContent})`;
}

export function readPath(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, name) => (typeof at === "object" && at !== null ? new Map(Object.entries(at)).get(name) : undefined),
    value,
  );
}

/** A text in about so many pieces. */
export function split(text: string, chunks: number): string[] {
  const size = Math.max(1, Math.ceil(text.length / Math.max(1, chunks)));
  return Array.from({ length: Math.ceil(text.length / size) }, (_, n) => text.slice(n * size, (n + 1) * size));
}

/** How a turn ends at `--max-budget-usd`: without a result text. */
export const SPENT = "budget_exhausted";

export const spentResult = (message: string): Record<string, unknown> => ({
  subtype: "error_max_budget_usd",
  is_error: true,
  terminal_reason: SPENT,
  errors: [message],
  stop_reason: null,
});
