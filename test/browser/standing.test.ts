/** What stands over an agent beside its status: its check, the account that it waits for, its budget. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage, script, sent } from "./stage.ts";
import type { Tab } from "./tab.ts";

const SCREENS = join(import.meta.dir, "../../.build/screens");
const HOUR_MS = 3_600_000;

describeInBrowser("what stands over an agent", (browser) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
    await stage.project("shop");
    await stage.box.api().call("PATCH", "/projects/shop", { trusted: true });
  });
  afterAll(() => stage.close());

  const made = async (name: string, more: Record<string, unknown>): Promise<string> => {
    const { agent } = await stage.box.api().post("/projects/shop/agents", { provider: "claude-code", name, ...more });
    return String(agent?.["id"]);
  };
  const pictures = async (tab: Tab, name: string): Promise<void> => {
    for (const [size, width, height] of [
      ["laptop", 1280, 800],
      ["phone", 360, 740],
    ] as const) {
      await tab.viewport(width, height, { mobile: size === "phone" });
      expect(await tab.look(`document.documentElement.scrollWidth <= innerWidth`)).toBe(true);
      await tab.screenshot(join(SCREENS, `${name}-${size}-light.png`));
    }
    await tab.viewport(1280, 800);
  };

  test("a check that failed says so on the page and in the timeline, with the end of its output as text", async () => {
    const id = await made("checked", {
      task: script({ say: "done" }),
      verify: { command: "echo '<b>2 of 9 fail</b>'; exit 3", attempts: 0 },
    });
    await stage.status("shop", id, "error");
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".verdict", "failed (code 3)");
    await tab.click(".verdict summary");
    await tab.see(".verdict pre", "<b>2 of 9 fail</b>");
    await pictures(tab, "verdict");
    await tab.click('[data-tab="timeline"]');
    await tab.click(".events summary", "check failed (code 3)");
    await tab.see(".events .tail", "<b>2 of 9 fail</b>");
    expect(await tab.look(`document.querySelectorAll(".tail b").length`)).toBe(0);
    expect(tab.complaints).toEqual([]);
  });

  test("a check that passed says that", async () => {
    const id = await made("good", { task: script({ say: "done" }), verify: { command: "echo fine", attempts: 0 } });
    await stage.status("shop", id, "idle");
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".verdict", "passed");
  });

  const RESULT = {
    schema: {
      type: "object",
      properties: { done: { type: "boolean" }, summary: { type: "string" } },
      required: ["done"],
    },
  };

  test("a result stands in the conversation as JSON, text and nothing else, with the word that it fits", async () => {
    const gives = { done: true, summary: "<b>all</b> 212 tests" };
    const id = await made("gives", { task: script({ tool: "StructuredOutput", input: gives }), result: RESULT });
    await stage.status("shop", id, "idle");
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".r-result summary", "fits its schema");
    await tab.see(".r-result pre", "<b>all</b> 212 tests");
    expect(JSON.parse(await tab.text(".r-result pre"))).toEqual(gives);
    expect(await tab.look(`document.querySelectorAll(".r-result pre b").length`)).toBe(0);
    expect(await tab.look(`document.body.innerText.includes("the agent said nothing")`)).toBe(false);
    await pictures(tab, "result");
    expect(tab.complaints).toEqual([]);
  });

  test("a result that does not fit is told as what its turn failed of", async () => {
    const bad = script({ tool: "StructuredOutput", input: { done: "yes" } });
    const id = await made("misfits", { task: bad, result: RESULT });
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".end-line", "RESULT_INVALID: the result does not fit its schema: done: got");
    await stage.status("shop", id, "idle"); // told of it, it gave another one
    await tab.see(".r-result summary", "fits its schema");
    expect(await tab.look(`document.querySelectorAll(".r-result").length`)).toBe(1);
  });

  test("a budget is a bar of what is spent of it", async () => {
    const id = await made("thrifty", { task: script({ say: "done" }), budget: { turns: 4 } });
    await stage.status("shop", id, "idle");
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".budget", "1 turn of 4 turns in its life");
    expect(await tab.look(`document.querySelector(".budget meter").value`)).toBe(1);
    await pictures(tab, "budget");
  });

  test("a limited agent says until when and for which account, and a person can let it or the account try", async () => {
    const resetsAt = Date.now() + 2 * HOUR_MS;
    const id = await made("waits", { task: script({ fail: "usage_limit", message: "used up", resetsAt }) });
    await stage.status("shop", id, "limited");
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".banner", "Waits for the allowance · until");
    await tab.see(".banner", "five_hour");
    await pictures(tab, "limited");
    await tab.click(".banner button", "Accounts …");
    await tab.see(".accounts section", "used up: five_hour, until");
    await tab.viewport(360, 740, { mobile: true });
    await tab.screenshot(join(SCREENS, "accounts-phone-light.png"));
    await tab.viewport(1280, 800);
    await tab.click(".dialog button", "Close");
    await tab.click(".banner button", "Try now");
    await tab.until(`!document.querySelector(".banner button").disabled`);
    expect(sent(tab).map(({ what }) => what)).toContain(`POST /projects/shop/agents/${id}/limit/skip`);
    expect(await tab.text(".standing .problem")).toBe("");
    expect(tab.complaints).toEqual([]);
    await stage.status("shop", id, "idle"); // before it has tried, whoever comes next waits for the account as well
  });

  test("what has to be paid is retried from the panel of accounts", async () => {
    const id = await made("unpaid", { task: script({ fail: "billing", message: "no credit" }) });
    await stage.status("shop", id, "error");
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".banner", "has to be paid");
    await tab.click(".banner button", "Accounts …");
    await tab.see(".accounts section", "has to be paid");
    await tab.click(".accounts button", "Try the account again");
    await tab.until(
      `document.querySelector(".accounts button") === null || !document.querySelector(".accounts").textContent.includes("has to be paid")`,
    );
    expect(sent(tab).some(({ what }) => /^POST \/accounts\/.*\/retry$/.test(what))).toBe(true);
  });
});
