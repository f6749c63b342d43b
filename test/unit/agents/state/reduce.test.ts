/** What a status means, sentence by sentence, and when a notice is due: each is a row or several. */
import { describe, expect, test } from "bun:test";
import { isBusy } from "../../../../src/words/agent.ts";
import type { Row } from "./world.ts";
import { closingTables } from "./closing.table.ts";
import { limitTables } from "./limit.table.ts";
import { queueTables } from "./queue.table.ts";
import { statusTables } from "./status.table.ts";
import { waitingTables } from "./waiting.table.ts";
import { world } from "./world.ts";

function run({ under, given, when, does, then }: Row): void {
  const it = world(under)
    .do(...given)
    .fresh();
  it.do(...when);
  if (does !== undefined) expect(it.trace).toEqual([...does]);
  expect(it.shown()).toMatchObject(then);
}

for (const { about, rows } of [...statusTables, ...queueTables, ...waitingTables, ...closingTables, ...limitTables]) {
  describe(about, () => {
    for (const row of rows) test(row.says, () => run(row));
  });
}

test("busy = starting, processing, waiting_input, limited", () => {
  const all = ["starting", "idle", "processing", "waiting_input", "error", "exited", "limited"] as const;
  expect(all.filter(isBusy)).toEqual(["starting", "processing", "waiting_input", "limited"]);
});
