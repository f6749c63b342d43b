/**
 * Pictures of every page in both schemes, on a laptop and on a phone, for people to look at: written to
 * `.build/screens`. Two of them are those of the README; they are only replaced when `AH_TEST_PICTURES=1` asks for it.
 */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";

const ROOT = join(import.meta.dir, "../..");
const SCREENS = join(ROOT, ".build/screens");
const PICTURES = join(ROOT, "test/fixtures");

/** What people would say, instead of the scripts that make the fakes say it. */
const PROMPTS = {
  "The checkout test fails on CI since the tax change. Find out why and fix it.": [
    { think: "The rounding may happen before the sum.\nLook at tax.ts first." },
    { tool: "Read", input: { file_path: "src/checkout/tax.ts" }, result: "export const rate = 0.07;" },
    { tool: "Read", input: { file_path: "src/checkout/cart.ts" }, result: "…" },
    { tool: "Bash", input: { command: "bun test checkout" }, result: "3 pass\n1 fail", fail: true },
    {
      tool: "Edit",
      input: {
        file_path: "src/checkout/tax.ts",
        old_string: "export function tax(net: number) {\n  return Math.round(net * rate);\n}",
        new_string:
          "export function tax(net: number) {\n  // Cents first: 0.07 * 1.15 is not what it looks like.\n  return roundCents(net * rate);\n}",
      },
      result: "done",
    },
    {
      say: "The rounding happened **before** the cents were summed, so a cart of three items was one cent short. I changed `tax.ts`; the new column needs migration 0042, so I want to run it on the test database first:\n\n- it adds `orders.tax_cents`\n- it can be taken back",
    },
    {
      ask: "Bash",
      input: {
        command:
          "cd services/api && DATABASE_URL=postgres://localhost/test bun run migrate --to 0042 && bun test checkout",
        description: "run the migration against the test database",
      },
    },
    { say: "All 212 tests pass." },
  ],
  "Round prices to cents and add tests.": [
    { say: "All 212 tests pass. I changed the rounding in `price.ts` and added two cases." },
  ],
  "Bump every dependency.": [{ fail: "rate_limit", message: "the model refused after 10 tries" }],
  "Speed up the search.": [
    {
      tool: "Edit",
      input: { file_path: "src/search/rank.ts", old_string: "a", new_string: "b" },
      gate: "/nowhere/at/all",
    },
  ],
  "Rewrite the guide.": [
    { question: "Which heading style should the guide use?", options: ["Sentence case", "Title Case"] },
  ],
};

describeInBrowser("screens", (browser) => {
  let stage: Stage;
  let agent = "";
  beforeAll(async () => {
    const scripts = join(ROOT, ".build", `scripts-${process.pid}.json`);
    await Bun.write(scripts, JSON.stringify(PROMPTS));
    stage = await openStage({
      webhook: { url: "http://127.0.0.1:9/hook" },
      providers: {
        "claude-code": {
          command: [process.execPath, join(import.meta.dir, "../fakes/claude.ts")],
          env: { FAKE_SCRIPTS: scripts },
        },
      },
    });
    for (const project of ["shop", "docs", "infra"]) await stage.project(project);
    const [checkout = "", prices = "", bump = "", search = "", guide = ""] = Object.keys(PROMPTS);
    await stage.agent("shop", "prices", prices);
    await stage.agent("infra", "nightly-bump", bump);
    agent = await stage.agent("shop", "checkout-fix", checkout);
    await stage.status("shop", "checkout-fix", "waiting_input");
    await stage.agent("docs", "rewrite", guide);
    await stage.agent("shop", "search", search);
    await stage.status("infra", "nightly-bump", "error");
    await stage.status("docs", "rewrite", "waiting_input");
    await stage.status("shop", "search", "processing");
    await stage.box.api().post(`/projects/shop/agents/${agent}/input`, { text: "and add a changelog line" });
  });
  afterAll(() => stage.close());

  test("every page in both schemes, on a laptop and on a phone", async () => {
    const tab = await openPage(await browser(), stage);
    const page = `#/a/shop/${agent}`;
    const pages: Readonly<Record<string, readonly [hash: string, shown: string]>> = {
      overview: ["#/", ".row"],
      agent: [page, ".say"],
      timeline: [`${page}/timeline`, ".events details"],
      why: [`${page}/why`, ".changes li"],
      debug: [`${page}/debug`, ".pairs"],
      new: ["#/new", ".create"],
      webhooks: ["#/webhooks", ".delivery"],
      keys: ["#/keys", ".keys"],
    };
    const sizes = { laptop: [1280, 800], phone: [360, 740] } as const;
    for (const [size, [width, height]] of Object.entries(sizes)) {
      await tab.viewport(width, height, { mobile: size === "phone" });
      for (const [name, [hash, shown]] of Object.entries(pages)) {
        await tab.look(`location.hash = ${JSON.stringify(hash)}`);
        await tab.see(shown);
        await tab.until(`!document.body.innerText.includes("Loading …")`);
        for (const scheme of ["light", "dark"] as const) {
          await tab.scheme(scheme);
          await tab.screenshot(join(SCREENS, `${name}-${size}-${scheme}.png`));
        }
      }
    }
    await tab.viewport(1280, 800);
    await tab.scheme("light");
    await tab.look(`location.hash = "#/"`);
    await tab.press("Control+k");
    await tab.see(".palette");
    await tab.until(`getComputedStyle(document.querySelector(".palette")).opacity === "1"`);
    await tab.screenshot(join(SCREENS, "palette-laptop-light.png"));
    await tab.press("Escape");
    expect(tab.complaints).toEqual([]);

    if (process.env["AH_TEST_PICTURES"] === "1") {
      await tab.see(".row");
      await tab.look(`document.activeElement.blur()`);
      await tab.viewport(1180, 620);
      await tab.screenshot(join(PICTURES, "inspector-overview.png"));
      await tab.look(`location.hash = ${JSON.stringify(page)}`);
      await tab.see(".say");
      await tab.screenshot(join(PICTURES, "inspector-agent.png"));
    }
  });

  test("the README's pictures are light enough to be carried along", () => {
    for (const name of ["inspector-overview.png", "inspector-agent.png"])
      expect(statSync(join(PICTURES, name)).size).toBeLessThan(150 * 1024);
  });
});
