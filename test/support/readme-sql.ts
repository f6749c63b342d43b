/** The SQL that the README tells people to run, by what it is for. */
import { readFileSync } from "node:fs";
import { README } from "./readme.ts";

const OF = {
  /** Roles and the database itself. */
  roles: "CREATE DATABASE fleet",
  /** What a node's role needs. */
  nodes: "GRANT SELECT, INSERT, UPDATE, DELETE",
  dashboard: "TO dashboard",
} as const;

/** Statement by statement. `schema`: instead of the one that the page names. */
export function sqlOf(
  what: keyof typeof OF,
  { schema = "agent_harness" }: { readonly schema?: string } = {},
): string[] {
  const blocks = [...readFileSync(README, "utf8").matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, body = ""]) => body);
  const block = blocks.find((each) => each.includes(OF[what]));
  if (block === undefined) throw new Error(`the page has no SQL with ${OF[what]}`);
  return block
    .replaceAll("agent_harness", schema)
    .split(";\n")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}
