/** The box and the queue behind it: what is typed, what waits, what is taken back. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage, sent } from "./stage.ts";

describeInBrowser("the box", (browser) => {
  let stage: Stage;
  let id = "";
  beforeAll(async () => {
    stage = await openStage();
    await stage.project("shop");
    id = await stage.agent("shop", "busy", [{ gate: `${stage.box.dir}/go` }, { say: "done" }]);
    await stage.status("shop", "busy", "processing");
  });
  afterAll(() => stage.close());

  test("Enter of an input method sends nothing", async () => {
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.click("#box");
    await tab.type("日本");
    await tab.look(`(() => {
      const box = document.querySelector("#box");
      for (const init of [{ isComposing: true, keyCode: 13 }, { isComposing: false, keyCode: 229 }])
        box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init }));
    })()`);
    await Bun.sleep(500);
    expect(sent(tab)).toEqual([]);
    await tab.press("Shift+Enter");
    expect(sent(tab)).toEqual([]);
    await tab.look(
      `(() => { const box = document.querySelector("#box"); box.value = ""; box.dispatchEvent(new Event("input")); })()`,
    );
    await Bun.sleep(400);
  });

  test("what is sent to a busy agent is queued, edited by taking it back, taken back for good, and in the end runs", async () => {
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".box button", "Queue");
    for (const text of ["first thought", "second thought"]) {
      await tab.click("#box");
      await tab.type(text);
      await tab.press("Enter");
      await tab.see(".q", text);
    }
    await tab.click(".q button", "Edit");
    await tab.until(`document.querySelector("#box").value === "first thought"`);
    await tab.until(`![...document.querySelectorAll(".q")].some((each) => each.textContent.includes("first"))`);
    await tab.type(", changed");
    await tab.press("Enter");
    await tab.see(".q", "first thought, changed");
    await tab.click(".q button", "Take back");
    await tab.until(`document.querySelectorAll(".q").length === 1`);
    await Bun.write(`${stage.box.dir}/go`, "");
    await tab.see(".say", "echo: first thought, changed");
    await tab.until(`document.querySelector(".queue").hidden`);
    await stage.status("shop", "busy", "idle");
    const { inputs } = await stage.box.api().get(`/projects/shop/agents/${id}/inputs`);
    expect([...(inputs ?? [])].map((each) => String(each["state"]))).toEqual([
      "ended",
      "cancelled",
      "cancelled",
      "ended",
    ]);
    expect(tab.complaints).toEqual([]);
  });

  test("the turn is aborted after one question, and the buttons are those of the status", async () => {
    await stage.box
      .api()
      .post(`/projects/shop/agents/${id}/input`, { text: `SCRIPT [{"gate":"${stage.box.dir}/never"}]` });
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".head button", "Abort turn");
    await tab.press("x");
    await tab.see("dialog", "Abort the running turn");
    await tab.press("Escape");
    await tab.until(`document.querySelector("dialog") === null`);
    await tab.click(".head button", "Abort turn");
    await tab.see(".head .status", "Aborted");
    await tab.see(".head button", "Stop");
    await tab.see(".end-line", "Aborted");
  });
});
