/**
 * The independent look at a fleet after a fault: what the agents wrote down themselves, against what the database says
 * of tasks, calls and events, and what each box has in its own store. Knows the tables, not the program.
 */
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SQL } from "bun";

export interface Evidence {
  /** One line for each time an agent ran, by itself. */
  readonly journal: string;
  readonly sql: SQL;
  readonly schema: string;
  /** State folders of the boxes by name. */
  readonly boxes: Readonly<Record<string, string>>;
}

type Row = Readonly<Record<string, unknown>>;

/** Everything that is not as it was promised; empty = all is well. */
export async function findings({ journal, sql, schema, boxes }: Evidence): Promise<string[]> {
  const found: string[] = [];
  const all = async (statement: string): Promise<readonly Row[]> => await sql.unsafe(statement);
  const ran = new Map<string, number>();
  for (const line of readFileSync(journal, "utf8").split("\n"))
    if (line !== "") ran.set(line, (ran.get(line) ?? 0) + 1);
  for (const [line, times] of ran) if (times > 1) found.push(`${line} ran ${times} times`);

  const tasks = await all(`SELECT id, state, body FROM "${schema}".tasks`);
  for (const { id, state, body } of tasks) {
    const word = String(JSON.parse(String(body)).task);
    if (state === "done" && ran.get(word) !== 1)
      found.push(`task ${String(id)} is done, and ${word} ran ${ran.get(word) ?? 0} times`);
    if ((state === "queued" || state === "cancelled") && ran.has(word))
      found.push(`task ${String(id)} is ${String(state)}, and ran`);
  }
  const twice = await all(`SELECT node_no, epoch, id FROM "${schema}".events GROUP BY 1, 2, 3 HAVING count(*) > 1`);
  for (const row of twice) found.push(`event ${JSON.stringify(row)} is mirrored twice`);
  for (const [name, folder] of Object.entries(boxes)) {
    const db = new Database(join(folder, "harness.db"), { readonly: true });
    const broken = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check").all();
    if (broken[0]?.integrity_check !== "ok") found.push(`the store of ${name} is broken`);
    const names = db.query<{ name: string; n: number }, []>(
      "SELECT name, count(*) AS n FROM agents WHERE name IS NOT NULL GROUP BY project, name HAVING n > 1",
    );
    for (const row of names.all()) found.push(`${name} has ${row.n} agents named ${row.name}`);
    const newest = db.query<{ id: number }, []>("SELECT max(id) AS id FROM events").get()?.id ?? 0;
    const mirrored = await all(
      `SELECT max(e.id) AS id, count(*) AS n, c.epoch FROM "${schema}".events e JOIN "${schema}".nodes n USING (node_no)
       JOIN "${schema}".cursors c USING (node_no) WHERE n.name = '${name}' AND e.epoch = c.epoch AND e.id > 0 GROUP BY c.epoch`,
    );
    const [there] = mirrored;
    if (Number(there?.["id"] ?? 0) !== newest || Number(there?.["n"] ?? 0) !== newest)
      found.push(`${name} has ${newest} events, its mirror ${String(there?.["n"])} up to ${String(there?.["id"])}`);
    db.close();
  }
  return found;
}
