/** The palette: agents, pages and commands by a few letters, and in a conversation also what was said. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

describeInBrowser("the palette", (browser) => {
  let stage: Stage;
  let id = "";
  beforeAll(async () => {
    stage = await openStage();
    await stage.project("shop");
    const many = Array.from({ length: 300 }, (_, i) => ({
      say: `message ${i + 1}${i === 20 ? " about the HALYARD" : ""}`,
    }));
    id = await stage.agent("shop", "talks", many);
    await stage.agent("shop", "other", [{ say: "the halyard of another agent" }]);
    await stage.status("shop", "talks", "idle");
    await stage.status("shop", "other", "idle");
  });
  afterAll(() => stage.close());

  const options = `[...document.querySelectorAll(".palette [role=option]")].map((each) => each.textContent)`;

  test("on an agent's page it finds what was said long ago, and leads to it", async () => {
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "message 300");
    expect(await tab.look(`document.body.textContent.includes("HALYARD")`)).toBe(false);
    await tab.look("document.activeElement.blur()");
    await tab.press("Control+k");
    await tab.see(".palette");
    await tab.type("halyard");
    await tab.see(".palette [role=option]", "message 21 about the HALYARD");
    // Newest first: the answer, then the prompt in which it stands as well; nothing of another agent.
    const found = await tab.look<string[]>(options);
    expect(found.map((each) => /(user|assistant), \d\d:\d\d$/.exec(each)?.[1])).toEqual(["assistant", "user"]);
    expect(found.join()).not.toContain("another agent");
    await tab.press("Enter");
    await tab.see(".say", "message 21 about the HALYARD");
    await tab.until(`(() => {
      const row = document.querySelector(".pointed")?.getBoundingClientRect();
      return row !== undefined && row.top >= 0 && row.bottom <= innerHeight;
    })()`);
    expect(tab.complaints).toEqual([]);
  });

  test("elsewhere it knows agents and pages only, by parts and by first letters", async () => {
    const tab = await openPage(await browser(), stage);
    await tab.press("Control+k");
    await tab.see(".palette");
    await tab.type("st");
    await tab.until(`${options}[0]?.startsWith("shop/talks")`);
    await tab.press("Escape");
    await tab.until(`document.querySelector(".palette") === null`);
    await tab.press("Control+k");
    await tab.see(".palette");
    await tab.type("halyard");
    await tab.see(".palette", "Nothing is called so.");
    await Bun.sleep(500); // longer than it waits before it searches
    expect(await tab.look<string[]>(options)).toEqual([]);
    expect(tab.requests.filter(({ url }) => url.includes("contains="))).toEqual([]);
  });
});
