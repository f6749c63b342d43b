/** A connection that is lost: nothing untrue is shown, nothing is missing afterwards, nothing comes twice. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import { quietPort } from "../support/hook.ts";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { clickUntil, follows, openPage, openStage, script, sent } from "./stage.ts";
import type { Tab } from "./tab.ts";

const allow = (tab: Tab, done: () => Promise<boolean>): Promise<void> =>
  clickUntil(tab, ".card .primary", "Allow", done);

describeInBrowser("a lost connection", (browser) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ port: await quietPort() });
    await stage.project("shop");
  });
  afterAll(() => stage.close());

  test("what is streamed while the page catches up stays", async () => {
    const rest = `${stage.box.dir}/rest`;
    const id = await stage.agent("shop", "caught", [{ say: "ready" }]);
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "ready");
    await follows(tab, id);
    await stage.box.kill("SIGKILL");
    await tab.see(".live", "not connected since");
    const before = tab.answered.length;
    await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/messages?*" }] });
    await stage.box.start();
    await eventually("it follows again", () => tab.answered.slice(before).some((url) => url.includes(`whole=${id}`)));
    const input = script({ say: "A sentence that is streamed. ".repeat(20), chunks: 10, gate: rest });
    await stage.box.api().post(`/projects/shop/agents/${id}/input`, { text: input });
    await tab.see(".streaming .say", "A sentence that is streamed.");
    const reads = (): number => tab.answered.filter((url) => url.includes("/messages?")).length;
    const read = reads();
    await tab.releaseRequests();
    await eventually("it has caught up", () => reads() > read);
    await Bun.sleep(1000); // the claim is that nothing goes
    expect(await tab.text(".streaming .say")).toStartWith("A sentence that is streamed.");
    await Bun.write(rest, "");
    await stage.status("shop", "caught", "idle");
    await tab.until(`document.querySelector(".streaming .say") === null`);
  });

  test("a daemon killed in the middle of a turn is never shown as working; back again, the conversation is whole", async () => {
    const gate = `${stage.box.dir}/go`;
    const says = (word: string, n: number) => Array.from({ length: n }, (_, i) => ({ say: `${word} ${i + 1}.` }));
    const id = await stage.agent("shop", "long", [...says("before", 5), { gate }, ...says("behind", 5)]);
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "before 5.");
    await tab.click("#box");
    await tab.type("a draft");
    await stage.box.kill("SIGKILL");
    await tab.see(".live", "not connected since");
    // Within two seconds, on a machine that may have much else to draw.
    const grey = `(() => {
      const faint = document.createElement("i");
      faint.style.color = "var(--faint)";
      document.body.append(faint);
      const wanted = getComputedStyle(faint).color;
      faint.remove();
      return [...document.querySelectorAll(".status")].every((each) => getComputedStyle(each).color === wanted);
    })()`;
    await tab.until(grey, 2000);
    expect(await tab.look(`document.getAnimations().length`)).toBe(0);
    const frozen = await tab.text(".head .num");
    await Bun.sleep(2500);
    expect(await tab.text(".head .num")).toBe(frozen);
    await Bun.write(gate, "");
    await stage.box.start();
    await tab.see(".live", "live");
    await tab.see(".head .status", "Done");
    await tab.see(".say", "behind 5.");
    await tab.until(`document.querySelectorAll(".r-text .say").length === 10`);
    const { messages } = await stage.box.api().get(`/projects/shop/agents/${id}/messages?limit=100`);
    const stored = [...(messages ?? [])]
      .filter((each) => String(each["role"]) === "assistant")
      .map((each) => String(each["text"]));
    const shown = await tab.look<string[]>(
      `[...document.querySelectorAll(".r-text .say")].map((each) => each.textContent)`,
    );
    expect(shown).toEqual(stored);
    expect(await tab.look("document.querySelector('#box').value")).toBe("a draft");
    expect(tab.complaints).toEqual([]);
  });

  test("killed while a request waits: on no page anything goes on, an answer is not said to be sent, and it can be given later", async () => {
    const gate = `${stage.box.dir}/never`;
    const works = await stage.agent("shop", "works", [{ say: "Begun." }, { gate }]);
    await stage.agent("shop", "asks", [{ ask: "Bash", input: { command: "make release" } }, { say: "Released." }]);
    await stage.status("shop", "works", "processing");
    await stage.status("shop", "asks", "waiting_input");
    const tab = await openPage(await browser(), stage, `#/a/shop/${works}`);
    await tab.see(".say", "Begun.");
    await tab.look(`location.hash = "#/"`);
    await tab.see(".card", "make release");
    await stage.box.kill("SIGKILL");
    await tab.see(".live", "not connected since");
    await allow(tab, () => tab.look(`document.querySelector(".card .problem")?.checkVisibility() === true`));
    await tab.see(".card .problem", "cannot be reached");
    expect(await tab.look(`document.querySelector(".card").textContent.includes("Sent…")`)).toBe(false);
    // What each page shows is what it showed: no clock runs, nothing turns, nothing loads for ever.
    for (const page of ["#/", `#/a/shop/${works}`, `#/a/shop/${works}/why`, `#/a/shop/${works}/debug`, "#/webhooks"]) {
      await tab.look(`location.hash = ${JSON.stringify(page)}`);
      await tab.until(`document.querySelector("main") !== null && !document.body.innerText.includes("Loading …")`);
      // Its part was never loaded: the page before it stays until that has failed.
      if (page === "#/webhooks") await tab.see("main .empty", "could not be loaded");
      let shown = "";
      await eventually(`${page} to have settled`, async () => {
        const before = shown;
        shown = await tab.look<string>(`document.querySelector("main").innerText`);
        await Bun.sleep(500);
        return shown === before;
      });
      await Bun.sleep(1300);
      expect([page, await tab.look<string>(`document.querySelector("main").innerText`)]).toEqual([page, shown]);
      expect(await tab.look(`document.getAnimations().length`)).toBe(0);
    }
    // What was not loaded yet says so, and comes by itself.
    await tab.see("main .empty", "could not be loaded");
    await tab.look(`location.hash = "#/a/shop/${works}/why"`);
    await tab.see(".panel .empty", "could not be loaded");
    await stage.box.start();
    await tab.see(".live", "live");
    await tab.see(".panel .changes li");
    await tab.look(`location.hash = "#/webhooks"`);
    await tab.see("h1", "Webhooks");
    await tab.look(`location.hash = "#/"`);
    await tab.see(".card", "make release");
    const before = sent(tab).length;
    await allow(tab, async () => sent(tab).length > before); // the card itself may go between two looks
    await stage.status("shop", "asks", "idle");
    await tab.until(`document.querySelector(".card") === null`);
    await stage.box.api().call("DELETE", `/projects/shop/agents/${works}`);
    expect(tab.complaints.filter((each) => !each.includes("later.css"))).toEqual([]);
  });

  test("after a long sleep of the machine the list is what the API says", async () => {
    const tab = await openPage(await browser(), stage);
    // The connection stays, but nothing comes any more: that is what a sleep looks like from here.
    process.kill(stage.box.pid(), "SIGSTOP");
    await tab.until(`document.querySelector(".live").textContent.includes("not connected since")`, 100_000);
    await tab.offline(true);
    process.kill(stage.box.pid(), "SIGCONT");
    // Connections of before may be closed under who uses them first.
    await eventually("it answers again", () =>
      stage.box
        .api()
        .get("/health")
        .then(Boolean, () => false),
    );
    await stage.agent("shop", "meanwhile", [{ say: "made while nobody was connected" }]);
    await stage.box.api().call("DELETE", "/projects/shop/agents/long");
    await stage.status("shop", "meanwhile", "idle");
    await tab.offline(false);
    await tab.look(`dispatchEvent(new Event("online"))`);
    await tab.see(".live", "live");
    await tab.see(".row", "meanwhile");
    const { agents } = await stage.box.api().get("/agents");
    const known = [...(agents ?? [])].map((each) => String(each["id"])).sort();
    await tab.until(`document.querySelectorAll(".row").length === ${known.length}`);
    expect(await tab.look(`[...document.querySelectorAll(".row")].map((each) => each.dataset.agent).sort()`)).toEqual(
      known,
    );
  });

  test("a text that could not be sent stays, over a reload too; sent at last, it is one input", async () => {
    const id = await stage.agent("shop", "drafts", [{ say: "ready" }]);
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "ready");
    await tab.click("#box");
    await tab.type("only once");
    await tab.offline(true);
    await tab.press("Enter");
    await tab.see(".box-frame .problem", "Not sent");
    await tab.offline(false);
    await Bun.sleep(400); // drafts are kept after a pause
    await tab.look(`location.hash = "#/"`);
    await tab.see(".row", "drafts");
    await tab.reload();
    await tab.see(".row", "drafts");
    await tab.look(`location.hash = "#/a/shop/${id}"`);
    await tab.until(`document.querySelector("#box")?.value === "only once"`);
    // The daemon takes it, but its answer does not get through: the page has to send it again.
    await tab.see(".live", "live");
    await tab.see(".box button", "Send");
    await tab.click("#box");
    await tab.until(`document.activeElement?.id === "box"`);
    // Cut in the page itself: the browser's own interception begins a moment after it says that it has begun.
    await tab.look(`{
      const ask = window.fetch;
      window.fetch = async (url, init) => {
        const answer = await ask(url, init);
        if (!String(url).endsWith("/input")) return answer;
        window.fetch = ask;
        throw new TypeError("cut");
      };
    }`);
    await tab.press("Enter");
    await tab.see(".box-frame .problem", "Not sent");
    expect(await tab.look("document.querySelector('#box').value")).toBe("only once");
    await tab.press("Enter");
    await tab.until(`document.querySelector("#box").value === ""`);
    await eventually("the input to be answered", async () => {
      const { inputs } = await stage.box.api().get(`/projects/shop/agents/${id}/inputs`);
      return [...(inputs ?? [])].filter((each) => String(each["state"]) === "ended").length === 2;
    });
    expect(sent(tab).filter(({ what }) => what.endsWith("/input")).length).toBeGreaterThanOrEqual(2);
    expect(await tab.look("JSON.stringify(sessionStorage)")).not.toContain("only once");
  });
});
