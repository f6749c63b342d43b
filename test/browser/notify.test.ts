/** Notifications: only while nobody looks, by one tab, once for each thing, never for what is old. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import { quietPort } from "../support/hook.ts";
import { describeInBrowser } from "./describe.ts";
import { RECORDER } from "./recorder.ts";
import type { Stage } from "./stage.ts";
import { openStage } from "./stage.ts";
import type { Tab } from "./tab.ts";

describeInBrowser("notifications", (browser) => {
  let stage: Stage;
  let made = 0;
  beforeAll(async () => {
    stage = await openStage({ port: await quietPort() });
    await stage.project("shop");
  });
  afterAll(() => stage.close());

  const open = async (beside?: Tab): Promise<Tab> => {
    const tab = await (await browser()).tab(beside);
    await tab.send("Page.addScriptToEvaluateOnNewDocument", { source: RECORDER });
    await tab.goto(stage.url());
    await tab.look(`localStorage.setItem("agent-harness-notify", "1")`);
    await tab.blank();
    await tab.goto(stage.url());
    await tab.see(".live", "live");
    return tab;
  };
  const asks = async (): Promise<void> => {
    made += 1;
    await stage.agent("shop", `asker-${made}`, [{ ask: "Bash", input: { command: `echo ${made}` } }]);
    await stage.status("shop", `asker-${made}`, "waiting_input");
  };
  const told = (tab: Tab) => tab.look<string[][]>("window.told");

  test("none while somebody looks; one while nobody does; none twice over two tabs; none for what is old", async () => {
    const first = await open();
    await asks();
    await first.see(".card");
    await Bun.sleep(6500);
    expect(await told(first)).toEqual([]);
    expect(await first.look("document.title")).toBe("(1) agent-harness");

    const second = await open(first);
    for (const tab of [first, second]) await tab.setHidden(true);
    await asks();
    await eventually("one to tell it", async () => (await told(first)).length + (await told(second)).length > 0);
    await Bun.sleep(2000); // the claim is that the other one does not
    const all = [...(await told(first)), ...(await told(second))];
    expect(all.map(([title, body]) => [title, body])).toEqual([["asker-2 waits for you", "Bash: echo 2"]]);

    // The connection goes and comes: what was asked before is no news.
    await stage.box.kill("SIGTERM");
    await stage.box.start();
    for (const tab of [first, second]) await tab.setHidden(false);
    await first.see(".live", "live");
    for (const tab of [first, second]) await tab.setHidden(true);
    await Bun.sleep(7000);
    expect([...(await told(first)), ...(await told(second))]).toHaveLength(1);
    for (const tab of [first, second]) await tab.close();
  });

  test("nothing of a muted agent, until it is no longer muted", async () => {
    const tab = await open();
    const { agents } = await stage.box.api().get("/agents");
    const first = [...(agents ?? [])].find((each) => String(each["name"]) === "asker-1");
    const menu = async (entry: string): Promise<void> => {
      await tab.look(`location.hash = "#/a/shop/${String(first?.["id"])}"`);
      await tab.click("[aria-label='More actions']");
      await tab.click("[role=menuitem]", entry);
    };
    const again = async (): Promise<void> => {
      await stage.box.api().post("/projects/shop/agents/asker-1/abort");
      await tab.setHidden(true);
      const ask = [{ ask: "Bash", input: { command: "echo again" } }];
      await stage.box.api().post("/projects/shop/agents/asker-1/input", { text: `SCRIPT ${JSON.stringify(ask)}` });
      await stage.status("shop", "asker-1", "waiting_input");
    };
    await menu("Mute its notifications");
    await again();
    await Bun.sleep(7000);
    expect(await told(tab)).toEqual([]);
    await tab.setHidden(false);
    await menu("Notify about it again");
    await again();
    await tab.until("window.told.length === 1");
    expect((await told(tab))[0]?.[0]).toBe("asker-1 waits for you");
    await tab.close();
  });
});
