/** Nothing that a model, a tool or a caller wrote is ever markup, code or a request. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

const HOSTILE = [
  `<img src=x onerror="alert(1)">`,
  `</script><script>alert(2)</script>`,
  `<svg/onload=alert(3)>`,
  `[click](javascript:alert(4))`,
  `[x](data:text/html,<script>alert(5)</script>)`,
  `![pixel](http://evil.invalid/p.png)`,
  `<iframe srcdoc="<script>alert(6)</script>"></iframe>`,
  `<style>@import url(http://evil.invalid/c.css)</style>`,
  "[a](http://evil.invalid/ok) `<b>code</b>` **<i>strong</i>**",
].join("\n\n");

describeInBrowser("hostile text", (browser) => {
  let stage: Stage;
  let hook: ReturnType<typeof Bun.serve>;
  let id = "";
  beforeAll(async () => {
    hook = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(HOSTILE, { status: 410 }) });
    stage = await openStage({ webhook: { url: `http://127.0.0.1:${hook.port}/hook` } });
    await stage.project("shop");
    id = await stage.agent("shop", "hostile", [
      { think: HOSTILE },
      { tool: `Bash${HOSTILE}`, input: { command: HOSTILE, description: HOSTILE }, result: HOSTILE },
      { tool: "Read", input: { file_path: HOSTILE }, result: HOSTILE, fail: true },
      { say: HOSTILE },
      { ask: "Bash", input: { command: HOSTILE, description: HOSTILE } },
      { fail: "hostile", message: HOSTILE },
    ]);
    await stage.status("shop", "hostile", "waiting_input");
    await stage.box.api().call("PATCH", `/projects/shop/agents/${id}`, { metadata: { note: HOSTILE } });
    await stage.box.api().post(`/projects/shop/agents/${id}/input`, { text: HOSTILE });
  });
  afterAll(async () => {
    await stage.close();
    await hook.stop(true);
  });

  test("it makes no element, no dialog and no request on any page", async () => {
    const tab = await openPage(await browser(), stage);
    const found: string[] = [];
    const inspectPage = async (): Promise<void> => {
      // Unfold everything, so that nothing stays unmade.
      await tab.look(`document.querySelectorAll("details").forEach((each) => (each.open = true))`);
      await Bun.sleep(400);
      found.push(
        ...(await tab.look<
          string[]
        >(`[...document.querySelectorAll("script, img, iframe, object, embed, style, form[action], base, [onerror], [onload], [srcdoc]")]
          .filter((each) => !(each.tagName === "SCRIPT" && each.src.startsWith(location.origin + "/inspect/")))
          .map((each) => each.outerHTML.slice(0, 200))`)),
        ...(await tab.look<string[]>(`[...document.querySelectorAll("a")].map((each) => each.href)
          .filter((href) => !/^(https?:|mailto:|blob:)/.test(href))`)),
      );
    };
    await tab.see(".card", "onerror");
    await inspectPage();
    await tab.goto(`${stage.url()}#/a/shop/${id}`);
    await tab.see(".say", "onerror");
    await inspectPage();
    // The one link that may be one is one; it leads away without telling from where.
    expect(
      await tab.look(`(() => {
      const link = [...document.querySelectorAll(".say a")].find((each) => each.textContent === "a");
      return [link.href, link.target, link.rel];
    })()`),
    ).toEqual(["http://evil.invalid/ok", "_blank", "noopener noreferrer"]);
    await stage.box.api().post(`/projects/shop/agents/${id}/permissions/p1`, { decision: "deny", message: HOSTILE });
    await stage.status("shop", "hostile", "error");
    for (const view of ["/timeline", "/why", "/debug", ""]) {
      await tab.look(`location.hash = "#/a/shop/${id}${view}"`);
      await Bun.sleep(1200);
      await inspectPage();
    }
    await eventually("the webhook to be given up", async () => {
      const { deliveries } = await stage.box.api().get("/deliveries?state=dead");
      return [...(deliveries ?? [])].length > 0;
    });
    await tab.look(`location.hash = "#/webhooks"`);
    await tab.see(".delivery", "dead");
    await inspectPage();
    await tab.look(`location.hash = "#/"`);
    await tab.see(".row", "Failed");
    await inspectPage();
    expect(found).toEqual([]);
    expect(tab.complaints).toEqual([]);
    const own = new URL(stage.url()).origin;
    expect(
      tab.requests.map(({ url }) => url).filter((url) => !url.startsWith(`${own}/`) && url !== "about:blank"),
    ).toEqual([]);
  });
});
