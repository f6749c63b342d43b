/** What happened while nobody looked: told once, with names that open, and gone when it was seen. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

const AWAY_MS = 20 * 60_000;

describeInBrowser("since the person last looked", (browser) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
    await stage.project("shop");
    await stage.agent("shop", "prices", [{ say: "All 212 tests pass." }]);
    await stage.agent("shop", "nightly", [{ fail: "rate_limit", message: "the model refused" }]);
    await stage.status("shop", "prices", "idle");
    await stage.status("shop", "nightly", "error");
  });
  afterAll(() => stage.close());

  test("it says what ended and how, once; marked as seen it does not come again", async () => {
    const tab = await openPage(await browser(), stage);
    // Once in this tab, before the page reads it: the person was here twenty minutes ago.
    await tab.send("Page.addScriptToEvaluateOnNewDocument", {
      source: `if (sessionStorage.getItem("was-away") === null) {
        sessionStorage.setItem("was-away", "1");
        localStorage.setItem("agent-harness-seen", JSON.stringify({ lookedAt: Date.now() - ${AWAY_MS}, turns: {} }));
      }`,
    });
    await tab.look("location.reload()");
    await tab.see(".since h2", "Since you last looked");
    const told = await tab.look<string[]>(
      `[...document.querySelectorAll(".since li")].map((each) => each.textContent)`,
    );
    expect(told.slice(0, 2)).toEqual(["1 failedshop/nightly", "1 doneshop/prices"]);
    expect(told.at(-1)).toStartWith("2 turns · ");
    await tab.click(".since a", "shop/prices");
    await tab.see(".say", "All 212 tests pass.");
    await tab.look("history.back()");
    await tab.click(".since button", "Mark all as seen");
    await tab.until(`document.querySelector(".since").hidden`);
    await tab.look("location.reload()");
    await tab.see(".row", "prices");
    await Bun.sleep(1000); // the claim is that nothing comes
    expect(await tab.look(`document.querySelector(".since").hidden`)).toBe(true);
    expect(tab.complaints).toEqual([]);
  });
});
