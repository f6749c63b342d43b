/** A phone, both colour schemes, and who listens instead of looking: on every page, what is shown can be used. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import { contrastProblems, nameProblems, orderProblems, overflowProblems, targetProblems } from "./look-over.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";
import type { Tab } from "./tab.ts";

describeInBrowser("every page", (browser) => {
  let stage: Stage;
  let pages: readonly string[] = [];
  beforeAll(async () => {
    stage = await openStage();
    await stage.project("shop");
    const command = `cd services/api && ${"x".repeat(120)} && bun run migrate`;
    const id = await stage.agent("shop", "checkout-fix-with-a-rather-long-name", [
      { think: "hm" },
      { tool: "Edit", input: { file_path: "src/tax.ts", old_string: "a\nb", new_string: "a\nc" } },
      {
        say: "# Title\n\nText with `code`, a [link](https://example.com) and\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```ts\nconst a = 1;\n```",
      },
      { ask: "Bash", input: { command, description: "run the migration" } },
    ]);
    await stage.agent("shop", "failed", [{ fail: "rate_limit", message: "the model refused after 10 tries" }]);
    await stage.status("shop", "failed", "error");
    await stage.status("shop", "checkout-fix-with-a-rather-long-name", "waiting_input");
    const agent = `#/a/shop/${id}`;
    pages = ["#/", agent, `${agent}/timeline`, `${agent}/why`, `${agent}/debug`, "#/new", "#/webhooks", "#/keys"];
  });
  afterAll(() => stage.close());

  const onEach = async (tab: Tab, look: (tab: Tab) => Promise<readonly string[]>): Promise<string[]> => {
    const problems: string[] = [];
    for (const page of pages) {
      await tab.look(`location.hash = ${JSON.stringify(page)}`);
      await tab.until(`!document.body.innerText.includes("Loading …") && document.querySelector("main") !== null`);
      await Bun.sleep(500);
      problems.push(...(await look(tab)).map((problem) => `${page}: ${problem}`));
    }
    return problems;
  };

  test("at 360 and 320 pixels nothing scrolls sideways but code, and what is touched is 44 pixels high", async () => {
    const tab = await openPage(await browser(), stage);
    for (const width of [360, 320]) {
      await tab.viewport(width, 740, { mobile: true });
      expect(await onEach(tab, overflowProblems)).toEqual([]);
    }
    await tab.viewport(360, 740, { mobile: true });
    expect(await onEach(tab, targetProblems)).toEqual([]);
  });

  test("with a soft keyboard open, the card's answers and the box are both in view", async () => {
    const tab = await openPage(await browser(), stage, pages[1]);
    await tab.viewport(360, 360, { mobile: true });
    await tab.see(".card .primary");
    const out = await tab.look<string[]>(`[".card .primary", "#box"].filter((each) => {
      const box = document.querySelector(each).getBoundingClientRect();
      return box.top < 0 || box.bottom > innerHeight;
    })`);
    expect(out).toEqual([]);
    await tab.viewport(1280, 800);
  });

  test("in both schemes every text can be read, every control has a name and comes in the order of reading", async () => {
    const tab = await openPage(await browser(), stage);
    for (const scheme of ["light", "dark"] as const) {
      await tab.scheme(scheme);
      expect(await onEach(tab, contrastProblems)).toEqual([]);
    }
    expect(await onEach(tab, nameProblems)).toEqual([]);
    expect(await onEach(tab, orderProblems)).toEqual([]);
  });

  test("reduced motion stops the ring", async () => {
    const tab = await openPage(await browser(), stage);
    await stage.agent("shop", "works", [{ gate: `${stage.box.dir}/never` }]);
    await tab.see(".row", "Working");
    await tab.scheme("light", false);
    await tab.until("document.getAnimations().length > 0");
    await tab.scheme("light", true);
    await tab.until("document.getAnimations().length === 0");
    await tab.scheme("light", false);
  });
});
