/** A hundred agents that change all the time: the list is true, and stands still under the pointer. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

const AGENTS = 100;

describeInBrowser("a hundred agents", (browser) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({
      providers: { sh: { kind: "command", command: ["/bin/sh", "-c", "cat >/dev/null; echo done"] } },
    });
    for (let project = 0; project < 5; project += 1) {
      await stage.project(`p${project}`);
      for (let i = 0; i < AGENTS / 5; i += 1)
        await stage.box.api().post(`/projects/p${project}/agents`, { provider: "sh", name: `a${project}-${i}` });
    }
  });
  afterAll(() => stage.close());

  test("nothing changes its place under the pointer; a button says how many would, and sorts again", async () => {
    const tab = await openPage(await browser(), stage);
    await tab.see(".list-head", `${AGENTS} agents`);
    // Projects in which nothing goes on start folded, and say how many they hold.
    await tab.see(".grp", "20 idle");
    await tab.look(`document.querySelectorAll(".fold-mark").forEach((each) => each.click())`);
    await tab.until(`document.querySelectorAll(".row").length === ${AGENTS}`);
    await tab.hover(".row");
    const order = `[...document.querySelectorAll(".row")].map((each) => each.dataset.agent).join()`;
    const before = await tab.look(order);
    const start = await tab.send("Performance.enable").then(() => tab.send("Performance.getMetrics"));
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        stage.box.api().post(`/projects/p${i % 5}/agents/a${i % 5}-${i % 20}/input`, { text: "go" }),
      ),
    );
    await tab.until(`[...document.querySelectorAll(".row .unseen")].length >= 15`, 100_000);
    expect(await tab.look(order)).toBe(before);
    const end = await tab.send("Performance.getMetrics");
    const script = scriptSeconds(end) - scriptSeconds(start);
    console.log(`scripting for about 160 changes: ${Math.round(script * 1000)} ms`);
    await tab.see(".list-head button", "moved: sort again");
    await tab.click(".list-head button", "sort again");
    await tab.until(`${order} !== ${JSON.stringify(before)}`);
    const { agents } = await stage.box.api().get("/agents?limit=1000");
    const wanted = [...(agents ?? [])].map((each) => String(each["id"])).sort();
    expect(await tab.look(`[...document.querySelectorAll(".row")].map((each) => each.dataset.agent).sort()`)).toEqual(
      wanted,
    );
    expect(tab.complaints).toEqual([]);
  });
});

function scriptSeconds(answer: Record<string, unknown>): number {
  const metrics = answer["metrics"] as { name: string; value: number }[];
  return metrics.find(({ name }) => name === "ScriptDuration")?.value ?? 0;
}
