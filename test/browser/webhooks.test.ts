/** A webhook that was given up: told on the first page, mended from its own. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

describeInBrowser("a webhook that cannot be delivered", (browser) => {
  let stage: Stage;
  let hook: ReturnType<typeof Bun.serve>;
  let status = 410; // never tried again
  beforeAll(async () => {
    hook = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("gone", { status }) });
    stage = await openStage({ webhook: { url: `http://127.0.0.1:${hook.port}/hook` } });
    await stage.project("shop");
    await stage.agent("shop", "one", [{ say: "done" }]);
  });
  afterAll(async () => {
    await stage.close();
    await hook.stop(true);
  });

  test("it is among what needs a person, is sent again from its page, and goes", async () => {
    const tab = await openPage(await browser(), stage);
    await tab.see("#needs", "1 webhook could not be delivered");
    await tab.click("#needs a", "1 webhook");
    await tab.see(".delivery", "dead");
    await tab.click(".delivery summary");
    await tab.see(".delivery td", "410");
    status = 204;
    await tab.click(".delivery button", "Send again");
    await tab.until(
      `document.querySelector(".delivery") === null || document.querySelector(".delivery .status").textContent === "delivered"`,
    );
    await tab.look(`location.hash = "#/"`);
    await tab.see("#needs");
    await tab.until(`!document.querySelector("#needs").textContent.includes("webhook")`);
    expect(tab.complaints).toEqual([]);
  });
});
