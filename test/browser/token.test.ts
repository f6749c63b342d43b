/** The token: asked for, tried, kept where it belongs and nowhere else; a lost one costs no words. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import { quietPort } from "../support/hook.ts";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openStage } from "./stage.ts";

const TOKEN = "a-long-token-of-the-tests";

describeInBrowser("a daemon with a token", (browser) => {
  let stage: Stage;
  let id = "";
  beforeAll(async () => {
    stage = await openStage({ port: await quietPort() }, { token: TOKEN });
    await stage.project("shop");
    id = await stage.agent("shop", "one", [{ say: "hello" }]);
  });
  afterAll(() => stage.close());

  test("a wrong one is told the API's words, the right one opens, and it stands nowhere it can be read", async () => {
    const tab = await (await browser()).again();
    await tab.goto(stage.url());
    await tab.see("dialog", "asks for its token");
    await tab.type("wrong");
    await tab.press("Enter");
    await tab.see("dialog .problem", "the token is wrong");
    await tab.look("document.querySelector('dialog input').value = ''");
    await tab.type(TOKEN);
    await tab.press("Enter");
    await tab.see(".row", "one");
    await tab.see(".live", "live");
    const places =
      await tab.look<string>(`JSON.stringify([location.href, document.title, document.documentElement.outerHTML,
      JSON.stringify(localStorage), performance.getEntriesByType("resource").map((each) => each.name)])`);
    expect(places).not.toContain(TOKEN);
    expect(await tab.look("JSON.stringify(sessionStorage)")).toContain(TOKEN);
    expect(tab.requests.every(({ url, body }) => !url.includes(TOKEN) && body?.includes(TOKEN) !== true)).toBe(true);

    // In a second tab the person is not asked again.
    await eventually(
      "a second tab that is not asked", // one that hears nothing of the first for 0.2 s is
      async () => {
        const second = await (await browser()).tab(tab);
        await second.goto(stage.url());
        await second.until(`document.querySelector(".row, dialog") !== null`);
        const asked = await second.look<boolean>(`document.querySelector("dialog") !== null`);
        if (!asked) await second.see(".row", "one");
        await second.close();
        return !asked;
      },
      60_000,
    );
  });

  test("when it is no longer right, the question comes back and what was typed stays", async () => {
    const tab = await (await browser()).again();
    await tab.goto(`${stage.url()}#/a/shop/${id}`);
    await tab.see(".say, dialog");
    if (await tab.look("document.querySelector('dialog') !== null")) {
      await tab.type(TOKEN);
      await tab.press("Enter");
    }
    await tab.see(".say", "hello");
    await tab.click("#box");
    await tab.type("half a sentence");
    // Another token from now on: everything the page asks is refused.
    const config = JSON.parse(await Bun.file(stage.box.configFile).text()) as Record<string, unknown>;
    await stage.box.kill("SIGTERM");
    await Bun.write(stage.box.configFile, JSON.stringify({ ...config, auth: { token: "another" } }));
    await stage.box.start();
    await tab.see("dialog", "asks for its token");
    await tab.type("another");
    await tab.press("Enter");
    await tab.see(".live", "live");
    expect(await tab.look("document.querySelector('#box').value")).toBe("half a sentence");
    await stage.box.kill("SIGTERM");
    await Bun.write(stage.box.configFile, JSON.stringify(config));
    await stage.box.start();
  });
});
