/** What happened while nobody looked: told once, with names that open, and gone when it was seen. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { describeInBrowser } from "./describe.ts";
import { contrastProblems, overflowProblems } from "./look-over.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

const AWAY_MS = 20 * 60_000;

const SCREENS = join(import.meta.dir, "../../.build/screens");

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
    await tab.reload();
    await tab.see(".since h2", "Since you last looked");
    const told = await tab.look<string[]>(
      `[...document.querySelectorAll(".since .told")].map((each) => [...each.children].map((part) => part.textContent).join(" | "))`,
    );
    expect(told[0]).toBe("Failed | shop/nightly | rate_limit");
    expect(told[1]).toStartWith("Done | shop/prices | $");
    expect(told).toHaveLength(2);
    expect(await tab.text(".since")).toContain("2 turns · ");
    expect(tab.requests.filter(({ url }) => url.includes("/report?since="))).toHaveLength(1);
    await tab.click(".since a", "shop/prices");
    await tab.see(".say", "All 212 tests pass.");
    await tab.look("history.back()");
    for (const [size, width, height] of [
      ["laptop", 1280, 800],
      ["phone", 360, 740],
    ] as const) {
      await tab.viewport(width, height, { mobile: size === "phone" });
      await tab.see(".since .told");
      await tab.screenshot(join(SCREENS, `since-${size}-light.png`));
      expect([...(await overflowProblems(tab)), ...(await contrastProblems(tab))]).toEqual([]);
    }
    await tab.viewport(1280, 800);
    await tab.click(".since button", "Mark all as seen");
    await tab.until(`document.querySelector(".since").hidden`);
    await tab.reload();
    await tab.see(".row", "prices");
    await Bun.sleep(1000); // the claim is that nothing comes
    expect(await tab.look(`document.querySelector(".since").hidden`)).toBe(true);
    expect(tab.complaints).toEqual([]);
  });

  test("after a night with many agents it fits a screen: six lines, those that need a person first, the rest folded", async () => {
    for (let i = 1; i <= 9; i += 1) await stage.agent("shop", `night-${i}`, [{ say: `Number ${i}.` }]);
    await stage.agent("shop", "asker", [{ ask: "Bash", input: { command: "true" } }]);
    for (let i = 1; i <= 9; i += 1) await stage.status("shop", `night-${i}`, "idle");
    await stage.status("shop", "asker", "waiting_input");
    const tab = await openPage(await browser(), stage, "", { fresh: true });
    // Four in the morning of a page whose clock says seven: since eleven in the evening.
    await tab.send("Page.addScriptToEvaluateOnNewDocument", {
      source: `{
        const hour = Date.prototype.getHours;
        Date.prototype.getHours = function () { return this.getTime() > Date.now() - 60_000 ? 7 : hour.call(this); };
        localStorage.setItem("agent-harness-seen", JSON.stringify({ lookedAt: Date.now() - ${8 * 3_600_000}, turns: {} }));
      }`,
    });
    await tab.reload();
    await tab.see(".since h2", "While you slept");
    expect(await tab.look(`document.querySelectorAll(".since > ul .told").length`)).toBe(6);
    const first = await tab.look<string>(`document.querySelector(".since .told").textContent`);
    expect(first).toStartWith("Failedshop/nightly");
    await tab.see(".since summary", "more: ");
    expect(await tab.look(`document.querySelector(".since").offsetHeight < 400`)).toBe(true);
    await tab.screenshot(join(SCREENS, "slept-laptop-light.png"));
    await tab.click(".since summary");
    await tab.until(`document.querySelectorAll(".since .told").length >= 11`);
    await tab.close();
  });
});
