/** The overview: what stands in it, and that it follows what happens. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

describeInBrowser("the overview", (browser) => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()));
  afterAll(() => stage.close());

  test("an agent shows up, and its statuses come in order with word and shape, without a reload", async () => {
    await stage.project("shop");
    const tab = await openPage(await browser(), stage);
    await tab.look(`(() => {
      window.seen = [];
      new MutationObserver(() => {
        const row = document.querySelector(".row");
        const now = row && row.querySelector(".status").textContent + " " + row.querySelector(".shape").dataset.look;
        if (now && window.seen.at(-1) !== now) window.seen.push(now);
      }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    })()`);
    const gate = `${stage.box.dir}/go`;
    await stage.agent("shop", "prices", [{ gate }, { ask: "Bash", input: { command: "true" } }, { say: "done" }]);
    await tab.see(".row", "Working");
    await Bun.write(gate, "");
    await tab.see(".row", "Waits for you");
    await stage.box.api().post("/projects/shop/agents/prices/permissions/p1", { decision: "allow" });
    await tab.see(".row", "Done");
    const seen = await tab.look<string[]>("window.seen");
    // A frame that comes late shows only the newest of what happened since; it never shows them in another order.
    const order = ["New idle", "Starting starting", "Working processing", "Waits for you waiting"];
    const end = ["Working processing", "Done idle"];
    const before = seen.slice(0, seen.indexOf("Waits for you waiting") + 1);
    expect(before).toEqual(order.filter((each) => before.includes(each)));
    expect(before).toContain("Working processing");
    const after = seen.slice(before.length);
    expect(after).toEqual(end.filter((each) => after.includes(each)));
    expect(after).toContain("Done idle");
    // There is no fleet: nothing of it is loaded, and nobody asked for it.
    expect(tab.requests.filter(({ url }) => /fleet|\/nodes\//.test(url))).toEqual([]);
    expect(await tab.look(`document.querySelector(".boxes").childElementCount`)).toBe(0);
    expect(tab.complaints).toEqual([]);
  });
});
