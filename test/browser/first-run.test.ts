/** A newcomer: from an empty daemon to an agent at work, by the keyboard alone. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

describeInBrowser("an empty daemon", (browser) => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()));
  afterAll(() => stage.close());

  test("a project and an agent are made from the first page without a mouse; mistakes stand at their fields", async () => {
    const folder = join(stage.box.cwd, "hello");
    const tab = await openPage(await browser(), stage);
    await tab.see("form", "Your first agent");
    await tab.see("form", "2.1.330"); // the programs were looked at
    const into = async (name: string): Promise<void> => {
      for (let i = 0; i < 40; i += 1) {
        if ((await tab.look("document.activeElement?.name")) === name) return;
        await tab.press("Tab");
      }
      throw new Error(`Tab does not reach ${name}`);
    };
    await into("cwd");
    await tab.type(folder);
    expect(await tab.look("document.querySelector('[name=projectName]').value")).toBe("hello");
    await into("task");
    await tab.type("say hello");
    await into("cwd");
    await tab.press("Enter");
    await tab.see("form .problem", "does not exist: make the folder first");
    expect(await tab.look("document.activeElement?.name")).toBe("cwd");
    mkdirSync(folder);
    await tab.press("Enter");
    await tab.see("h1", "hello/");
    await tab.see(".say", "echo: say hello");
    const { agents } = await stage.box.api().get("/agents");
    expect([...(agents ?? [])]).toHaveLength(1);
    // Where there is no fleet nobody is asked where it should work.
    await tab.look(`location.hash = "#/new"`);
    await tab.see(".create", "Task");
    expect(await tab.look(`document.querySelector("select[name=where]").checkVisibility()`)).toBe(false);
    expect(tab.complaints).toEqual([]);
  });
});
