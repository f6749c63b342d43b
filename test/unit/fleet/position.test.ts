/** Where a mirror goes on, whichever of the two was brought back from a backup. */
import { expect, test } from "bun:test";
import type { Cursor, Landmark, LocalLog } from "../../../src/fleet/position.ts";
import { chained, positionOf } from "../../../src/fleet/position.ts";

const row = (id: number, at = `t${id}`): Landmark => ({ id, type: "note", agent: null, at });
const logOf = (rows: readonly Landmark[], more: Partial<LocalLog> = {}): LocalLog => ({
  epoch: 1,
  oldest: rows[0]?.id ?? 1,
  newest: rows.at(-1)?.id ?? 0,
  find: (id) => rows.find((each) => each.id === id) ?? null,
  ...more,
});
/** The cursor of a mirror that has all of these. */
function cursorAt(rows: readonly Landmark[], epoch = 1): Cursor {
  let [before, digest] = ["", ""];
  for (const each of rows) [before, digest] = [digest, chained(digest, each)];
  return { epoch, id: rows.at(-1)?.id ?? 0, before, digest };
}
const rows = [row(1), row(2), row(3)];

test.each<[string, Cursor | null, LocalLog, unknown]>([
  ["a database that knows nothing", null, logOf(rows), { type: "anew", epoch: 1, why: "the first time" }],
  ["a mirror that is behind", cursorAt(rows.slice(0, 2)), logOf(rows), { type: "go_on", gap: null }],
  ["a mirror that has all", cursorAt(rows), logOf(rows), { type: "go_on", gap: null }],
  ["an event that retention took", cursorAt(rows), logOf([row(4)]), { type: "go_on", gap: null }],
  ["events that nobody keeps", cursorAt(rows.slice(0, 1)), logOf([row(3)]), { type: "go_on", gap: { from: 2, to: 2 } }],
  [
    "a store that is younger",
    cursorAt(rows),
    logOf(rows.slice(0, 2)),
    { type: "anew", epoch: 2, why: "the store was restored" },
  ],
  [
    "a store with another history of the same length",
    cursorAt(rows),
    logOf([row(1), row(2), row(3, "another time")]),
    { type: "anew", epoch: 2, why: "the store was restored" },
  ],
  [
    "a store from before it began anew",
    cursorAt(rows, 3),
    logOf(rows),
    { type: "anew", epoch: 4, why: "the store was restored" },
  ],
  [
    "a database from before the store began anew",
    cursorAt(rows, 1),
    logOf(rows, { epoch: 2 }),
    { type: "anew", epoch: 2, why: "the store was restored" },
  ],
  ["an empty log", cursorAt([]), logOf([]), { type: "go_on", gap: null }],
])("%s", (_, cursor, log, expected) => {
  expect(positionOf(cursor, log) as unknown).toEqual(expected);
});

test("a digest holds everything before it", () => {
  const other = cursorAt([row(1, "other"), row(2), row(3)]);
  expect(other.digest).not.toBe(cursorAt(rows).digest);
});
