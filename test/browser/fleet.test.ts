/**
 * Many boxes on one page: what waits anywhere, any box read and steered, the tasks of all, and a dead box shown as dead
 * with what was last known. Real daemons on a real PostgreSQL.
 */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { quietPort } from "../support/hook.ts";
import { TIMES } from "../support/fleet.ts";
import type { Postgres } from "../support/postgres.ts";
import { POSTGRES, startPostgres } from "../support/postgres.ts";
import { describeInBrowser } from "./describe.ts";
import { RECORDER } from "./recorder.ts";
import { contrastProblems, overflowProblems, targetProblems } from "./look-over.ts";
import type { Stage } from "./stage.ts";
import { clickUntil, openPage, openStage, script, sent } from "./stage.ts";
import type { Tab } from "./tab.ts";

const SCREENS = join(import.meta.dir, "../../.build/screens");
if (POSTGRES === null) console.log("skipped: the fleet on the page: there is no PostgreSQL here");

const LONG = "cd services/api && bun run migrate --to 0042 && bun test checkout";

describeInBrowser("the fleet on the page", (browser) => {
  let postgres: Postgres;
  let home: Stage;
  let far: Stage;

  const box = async (node: string, labels: Record<string, string> = {}): Promise<Stage> => {
    const port = await quietPort(); // what comes back has to be found where it was
    const stage = await openStage({ port, fleet: { url: postgres.url, schema: "page", node, capacity: 2, labels } });
    await joined(stage);
    return stage;
  };
  const joined = (stage: Stage): Promise<unknown> =>
    eventually("the box joins", async () => String((await stage.box.api().get("/fleet"))["joined"]) === "true");

  beforeAll(async () => {
    if (POSTGRES === null) return;
    postgres = await startPostgres();
    home = await box("home");
    const set = Object.entries(TIMES).map(([key, ms]) => `${key} = ${ms}`);
    await postgres.sql.unsafe(`UPDATE page.meta SET ${set.join(", ")}`);
    await home.box.kill("SIGTERM");
    await home.box.start(); // what it goes by is read when it joins
    far = await box("far", { gpu: "a100" });
    await home.project("docs");
    await far.project("shop");
  });
  afterAll(async () => {
    await home?.close();
    await far?.close();
    await postgres?.close();
  });
  const maybe = test.skipIf(POSTGRES === null);

  const pictures = async (tab: Tab, name: string): Promise<void> => {
    for (const [size, width, height] of [
      ["laptop", 1280, 800],
      ["phone", 360, 740],
    ] as const) {
      await tab.viewport(width, height, { mobile: size === "phone" });
      const scheme = size === "phone" ? "dark" : "light";
      await tab.scheme(scheme);
      await tab.screenshot(join(SCREENS, `${name}-${size}-${scheme}.png`));
      const touched = size === "phone" ? await targetProblems(tab) : [];
      const faint = name === "fleet-lost" ? await contrastProblems(tab) : [];
      expect([...(await overflowProblems(tab)), ...faint, ...touched]).toEqual([]);
    }
    await tab.viewport(1280, 800);
    await tab.scheme("light");
  };

  maybe("what waits on another box stands with what waits here, whole, and is answered from here", async () => {
    const id = await far.agent("shop", "checkout", [
      { ask: "Bash", input: { command: LONG } },
      { say: "All 212 tests pass." },
    ]);
    await far.status("shop", "checkout", "waiting_input");
    const tab = await openPage(await browser(), home);
    await tab.see(".card .who", "far: shop/checkout");
    await tab.see(".card pre", LONG);
    await tab.until(`document.title.startsWith("(1)")`);
    await pictures(tab, "fleet-overview");
    await clickUntil(tab, ".card button", "Allow", () => sent(tab).length > 0);
    await far.status("shop", "checkout", "idle");
    await tab.until(`document.querySelector(".card") === null`);
    const [answer] = sent(tab);
    expect(answer?.what).toStartWith(`POST /nodes/far/projects/shop/agents/${id}/permissions/`);
    expect(sent(tab)).toHaveLength(1);
    expect(tab.complaints).toEqual([]);
  });

  maybe("what begins to wait on another box is told to a person who is not looking, and leads there", async () => {
    const tab = await (await browser()).tab();
    await tab.send("Page.addScriptToEvaluateOnNewDocument", {
      source: `${RECORDER}; localStorage.setItem("agent-harness-notify", "1");`,
    });
    await tab.goto(home.url());
    await tab.until(`document.querySelectorAll(".boxes option").length === 2`);
    await tab.setHidden(true);
    const id = await far.agent("shop", "later", [{ ask: "Bash", input: { command: "make later" } }]);
    await tab.until("window.told.length > 0");
    expect(await tab.look<string[][]>("window.told")).toEqual([
      ["later waits for you", "Bash: make later", `far:${id}/p1`],
    ]);
    await far.box.api().call("DELETE", `/projects/shop/agents/${id}`);
    await tab.close();
  });

  maybe("another box is chosen in the bar; its agent is read and steered as if the page were its own", async () => {
    await home.agent("docs", "guide", [{ say: "The guide is here." }]);
    const tab = await openPage(await browser(), home);
    await tab.see(".row", "guide");
    await tab.until(`[...document.querySelectorAll(".boxes option")].length === 2`);
    await tab.look(`(() => {
      const select = document.querySelector(".boxes select");
      select.value = "far";
      select.dispatchEvent(new Event("change"));
    })()`);
    await tab.until(`location.search === "?node=far"`);
    await tab.see(".live", "live");
    await tab.see(".row", "checkout");
    expect(await tab.look(`document.body.innerText.includes("guide")`)).toBe(false);
    await tab.click(".row", "checkout");
    await tab.see(".say", "All 212 tests pass.");
    await tab.see(".afar", "It works on far: its words come when a message is whole.");
    await tab.click("#box");
    await tab.type(script({ say: "And again, from afar." }));
    await tab.press("Enter");
    await tab.see(".say", "And again, from afar.");
    await tab.see(".head .status", "Done");
    // What the event log says of it comes in pages, though no stream is handed on.
    await tab.look(`location.hash += "/timeline"`);
    await tab.see(".events details", "turn_ended");
    await tab.look(`history.back()`);
    await tab.see(".say", "And again, from afar.");
    await pictures(tab, "fleet-agent");
    const { messages } = await far.box.api().get("/projects/shop/agents/checkout/messages?limit=100");
    const said = [...(messages ?? [])].filter((each) => String(each["role"]) === "assistant");
    expect(await tab.look(`document.querySelectorAll(".r-text .say").length`)).toBe(
      said.filter((each) => String(each["text"]) !== "").length,
    );
    expect(tab.complaints).toEqual([]);
  });

  maybe(
    "a task is given to whichever box has what it needs, and what is wrong with it stands at its field",
    async () => {
      const tab = await openPage(await browser(), home, "#/new");
      await tab.until(`document.querySelector("select[name=where]")?.checkVisibility()`);
      await tab.look(`{
      const where = document.querySelector("select[name=where]");
      where.value = "fleet";
      where.dispatchEvent(new Event("change"));
    }`);
      const put = async (name: string, text: string): Promise<void> => {
        await tab.click(`[aria-label="New task of the fleet"] [name="${name}"]`);
        await tab.look(`document.activeElement.select()`);
        await tab.type(text);
      };
      await put("project", "shop");
      await put("labels", "gpu=");
      await tab.see("[role=status]", "By program and labels: far ("); // it comes above the button, and moves it
      await tab.click(".create .primary", "Give it to the fleet");
      await tab.see(".field .problem", "expected labels such as gpu=a100");
      await put("labels", "gpu=a100");
      await tab.see("[role=status]", "By program and labels: far (");
      await tab.click(".create .primary", "Give it to the fleet");
      await tab.see(".field .problem", "say what it should do");
      await put("task", script({ say: "by whom it fits" }));
      await put("provider", "claude-code");
      await pictures(tab, "fleet-new");
      await tab.click(".create .primary", "Give it to the fleet");
      await tab.see(".fleet-row[data-task] .status", "Done");
      await tab.see(".fleet-row[data-task]", "far");
      expect(sent(tab).at(-1)).toMatchObject({
        what: "POST /fleet/tasks",
        body: { project: "shop", provider: "claude-code", requires: { labels: { gpu: "a100" } } },
      });
      const { tasks } = await home.box.api().get("/fleet/tasks");
      expect([...(tasks ?? [])].map((each) => [String(each["state"]), String(each["holder"])])).toEqual([
        ["done", "far"],
      ]);
      await tab.look(`location.hash = "#/new"`);
      await tab.see(".create", "Folder");
      expect(tab.complaints).toEqual([]);
    },
  );

  maybe(
    "a box that dies is shown as dead, since when, with what was last known; back again, it is live again",
    async () => {
      const gate = join(far.box.dir, "go");
      const id = await far.agent("shop", "long", [{ say: "Begun." }, { gate }, { say: "Ended." }]);
      await far.status("shop", "long", "processing");
      await far.agent("shop", "asks", [{ ask: "Bash", input: { command: "rm -r build" } }, { say: "ok" }]);
      await far.status("shop", "asks", "waiting_input");
      await home.box.api().post("/fleet/tasks", {
        ...{ project: "shop", provider: "claude-code", task: script({ say: "by the pool" }), name: "pooled" },
      });
      await home.box.api().post("/fleet/tasks", { project: "nowhere", provider: "claude-code", task: "never" });
      await eventually("a task is done", async () => {
        const { tasks } = await home.box.api().get("/fleet/tasks");
        return [...(tasks ?? [])].some((each) => String(each["state"]) === "done");
      });

      const tab = await openPage(await browser(), home, "#/fleet");
      await tab.see(".fleet-row[data-node=far] .status", "Live");
      await tab.see(".fleet-row[data-node=far]", "in step");
      await tab.see(".fleet-row[data-task] .status", "Done");
      await tab.see(".fleet-row[data-task]", "nobody takes it");
      await tab.click(".fleet-row[data-node=far] button", "Drain");
      await tab.see(".fleet-row[data-node=far] .status", "Drains");
      await tab.click(".fleet-row[data-node=far] button", "Undrain");
      await tab.see(".fleet-row[data-node=far] .status", "Live");

      await tab.goto(onFar(`#/a/shop/${id}`));
      await tab.see(".live", "live");
      await tab.see(".say", "Begun.");
      await tab.see(".head .status", "Working");
      const { turn } = await far.get("shop", "long");
      const worked = (): number => Date.now() - Date.parse(String(turn?.["startedAt"]));
      await far.box.kill("SIGKILL");
      const workedMs = worked();
      await tab.see(".live", "far not heard of since");
      expect(await tab.look(`document.documentElement.classList.contains("off")`)).toBe(true);
      await tab.until(`document.getAnimations().length === 0`);
      const frozen = await tab.text(".head .num");
      await Bun.sleep(2500);
      expect(await tab.text(".head .num")).toBe(frozen);

      // Who comes only now sees what the fleet knew of it.
      await eventually("it is lost", async () => {
        const { nodes } = await home.box.api().get("/fleet/nodes");
        return [...(nodes ?? [])].some((each) => String(each["name"]) === "far" && String(each["reach"]) === "lost");
      });
      await tab.reload();
      await tab.see(".live", "this is what was known then");
      await tab.see(".say", "Begun.");
      // It has not worked a second longer than anybody knows of.
      const [minutes = 0, seconds = 0] = (await tab.text(".side dd")).split(":").map(Number);
      expect(minutes * 60 + seconds).toBeLessThanOrEqual(workedMs / 1000 + 1);
      await pictures(tab, "fleet-dead-agent");
      await tab.look(`location.hash = "#/"`);
      await tab.see(".row", "long");
      await tab.see(".card", "it cannot be answered now");
      expect(await tab.look(`document.querySelector(".card .primary").disabled`)).toBe(true);
      await pictures(tab, "fleet-dead");
      await tab.look(`location.hash = "#/fleet"`);
      await tab.see(".fleet-row[data-node=far] .status", "Lost");
      await tab.see(".fleet-row[data-node=far]", "last heard of");
      await pictures(tab, "fleet-lost");

      await Bun.write(gate, "");
      await far.box.start();
      await tab.see(".fleet-row[data-node=far] .status", "Live");
      await tab.look(`location.hash = "#/"`);
      await tab.see(".live", "live");
      await tab.until(`document.querySelector(".row[data-agent='${id}']")?.textContent.includes("Done")`);
      const { agents } = await far.box.api().get("/agents");
      expect(await tab.look(`[...document.querySelectorAll(".row")].map((each) => each.dataset.agent).sort()`)).toEqual(
        [...(agents ?? [])].map((each) => String(each["id"])).sort(),
      );
      expect(tab.complaints).toEqual([]);
    },
  );

  maybe("without the fleet's database the page of the fleet says so, and is what it was when it is back", async () => {
    const tab = await openPage(await browser(), home, "#/fleet");
    await tab.see(".fleet-row[data-node=far] .status", "Live");
    // It may go between two questions of one look.
    await tab.look(`(() => {
      const fetch = window.fetch;
      window.fetch = (what, how) =>
        window.midway && String(what).includes(window.midway)
          ? Promise.resolve(Response.json({ error: "FLEET", message: "gone midway" }, { status: 503 }))
          : fetch(what, how);
      window.midway = "/fleet/tasks";
    })()`);
    await tab.see("main.fleet.stale .problem", "gone midway");
    await tab.look("window.midway = false");
    await tab.until(`!document.querySelector("main.fleet").classList.contains("stale")`);
    // What was asked and refused is told until something is asked anew, whatever the looks find.
    await tab.look("window.midway = '/drain'");
    await tab.click(".fleet-row[data-node=far] button", "Drain");
    await tab.see(".fleet .problem", "gone midway");
    await Bun.sleep(4000);
    await tab.see(".fleet .problem", "gone midway");
    await tab.look("window.midway = false");
    await tab.click(".fleet-row[data-node=far] button", "Drain");
    await tab.until(`![...document.querySelectorAll(".fleet .problem")].some((each) => each.checkVisibility())`);
    await tab.click(".fleet-row[data-node=far] button", "Undrain");
    await tab.see(".fleet-row[data-node=far] .status", "Live");
    postgres.signal("SIGKILL");
    await tab.see("main.fleet.stale .problem", "database");
    await tab.see(".live", "live"); // of this box nothing is worse
    await postgres.start();
    await tab.until(`!document.querySelector("main.fleet").classList.contains("stale")`);
    await tab.see(".fleet-row[data-node=far] .status", "Live");
    expect(tab.complaints).toEqual([]);
  });

  const onFar = (hash: string): string => `${home.url()}?node=far${hash}`;
});
