// file-timeout: 600 s
/**
 * A storm over programs that are broken on purpose is seen to find something: one of the builds of `make chaos-broken`,
 * in the shortest of its storms. That the same storm finds nothing over the unbroken ones is looked at there.
 */
import { afterAll, expect, test } from "bun:test";
import { openWorkshop } from "../chaos/broken.build.ts";
import { BROKEN, WEATHERS } from "../chaos/broken.table.ts";

const LIMIT_MS = 580_000;
const row = BROKEN.find(({ weather }) => weather === "brief");

const workshop = openWorkshop();
afterAll(() => workshop.close());

test(
  "a build that cuts long texts is found by the check of messages, and by no check of other things",
  async () => {
    if (row === undefined) throw new Error("no build is tried in the shortest storm");
    await workshop.build(row);
    const { failed, whole, output } = await workshop.storm(WEATHERS[row.weather]);
    if (!whole) console.log(output);
    expect({ whole, failed }).toEqual({ whole: true, failed: ["messagesAreExact"] });
  },
  LIMIT_MS,
);
