/** What waits for a person: seen at once, read whole, answered on purpose only. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { clickUntil, openPage, openStage, sent, shows, untilTaken } from "./stage.ts";

const COMMAND = "cd services/api && bun run migrate --to 0042 && bun test checkout";
const ask = (command: string) => ({ ask: "Bash", input: { command, description: "run the migration" } });

const TRIES = 7;

interface Seen {
  /** When it could be seen, by the machine's clock. */
  readonly at: number;
  /** So often the daemon was asked for it, and first so long after the news of it. */
  readonly asked: number;
  readonly askedMs: number;
}

/** In the page: when each request could be seen, and what was done for it between the news of it and that. */
const WATCH = `(() => {
  window.seen = {};
  let heardAt = null, asked = 0, askedMs = 0;
  const decode = TextDecoder.prototype.decode;
  TextDecoder.prototype.decode = function (...given) {
    const text = decode.apply(this, given);
    if (text.includes("event: permission_requested")) [heardAt, asked] = [performance.now(), 0];
    return text;
  };
  const ask = window.fetch;
  window.fetch = (...given) => {
    if (heardAt !== null && String(given[0]).includes("/permissions?") && (asked += 1) === 1)
      askedMs = performance.now() - heardAt;
    return ask(...given);
  };
  new MutationObserver(() => {
    for (const card of document.querySelectorAll(".card:not(.settled)")) {
      const name = /make try-\\d+\\./.exec(card.textContent)?.[0];
      if (name === undefined || window.seen[name] !== undefined) continue;
      window.seen[name] = { at: performance.timeOrigin + performance.now(), asked, askedMs };
      heardAt = null;
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
})()`;

/** What the machine itself takes now for one question to the daemon and for showing something. */
const PROBE = `(async () => {
  const began = performance.now();
  await (await fetch("/api/v1/permissions?state=pending")).text();
  await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
  return performance.now() - began;
})()`;

describeInBrowser("a request that waits", (browser) => {
  let stage: Stage;
  let made = 0;
  beforeAll(async () => {
    stage = await openStage();
    await stage.project("shop");
  });
  afterAll(() => stage.close());

  /** An agent that asks when the gate is opened. */
  const asker = async (...steps: Parameters<Stage["agent"]>[2] & object) => {
    made += 1;
    const name = `asker-${made}`;
    const gate = `${stage.box.dir}/gate-${made}`;
    const id = await stage.agent("shop", name, [{ gate }, ...(steps as [])]);
    await stage.status("shop", name, "processing");
    return { name, id, hash: `#/a/shop/${id}`, open: () => Bun.write(gate, "") };
  };
  const settled = (name: string, state: string) =>
    eventually(`the permission of ${name} to be ${state}`, async () => {
      const { permissions } = await stage.box.api().get(`/projects/shop/agents/${name}/permissions`);
      return [...(permissions ?? [])].every((each) => String(each["state"]) === state);
    });

  test("it appears on both pages, one click sends one answer, and the card goes by the event", async () => {
    const agent = await asker(ask(COMMAND), { say: "done" });
    const overview = await openPage(await browser(), stage);
    const page = await openPage(await browser(), stage, agent.hash, { fresh: true });
    for (const tab of [overview, page])
      await tab.look(`(() => {
        const seen = new MutationObserver(() => {
          if (document.querySelector(".card") === null || window.cardAt !== undefined) return;
          window.cardAt = performance.timeOrigin + performance.now();
        });
        seen.observe(document.body, { subtree: true, childList: true });
      })()`);
    await agent.open();
    await overview.see(".card", COMMAND);
    await page.see(".card", COMMAND);
    const { permissions } = await stage.box.api().get(`/projects/shop/agents/${agent.name}/permissions`);
    const askedAt = Date.parse(String([...(permissions ?? [])][0]?.["createdAt"]));
    for (const tab of [overview, page]) {
      // How soon is what the next test is about: it comes by itself.
      expect((await tab.look<number>("window.cardAt")) - askedAt).toBeLessThan(15_000);
    }
    expect(await page.look(`document.querySelector(".afar")`)).toBe(null);
    await clickUntil(page, ".card .primary", "Allow", () => sent(page).length > 0);
    await page.until(`document.querySelector(".card") === null`);
    expect(sent(page)).toMatchObject([
      { what: `POST /projects/shop/agents/${agent.id}/permissions/p1`, body: { decision: "allow" } },
    ]);
    // The other page did not answer: it says what became of the request, and lets it go when it is told to.
    await overview.see(".card.settled", "Already allowed at");
    await overview.click(".card button", "Close");
    await overview.until(`document.querySelector(".card") === null`);
    await stage.status("shop", agent.name, "idle");
    expect([...overview.complaints, ...page.complaints]).toEqual([]);
  });

  test("both pages show it within 300 ms of its being asked, and ask for it as soon as they hear of it", async () => {
    const tries = Array.from({ length: TRIES }, (_, i) => ask(`make try-${i}.`));
    const agent = await asker(...tries, { say: "done" });
    const overview = await openPage(await browser(), stage, "", { fresh: true });
    const page = await openPage(await browser(), stage, agent.hash, { fresh: true });
    for (const tab of [overview, page]) {
      await tab.see(tab === page ? ".head .status" : ".row", "Working");
      await tab.look(WATCH);
    }
    await agent.open();
    const waits: { readonly waitedMs: number; readonly askedMs: number; readonly probeMs: number }[][] = [[], []];
    for (let i = 0; i < TRIES; i += 1) {
      const permission = await eventually(`try ${i}`, async () => {
        const { permissions } = await stage.box.api().get("/permissions?state=pending");
        return [...(permissions ?? [])].find((each) => JSON.stringify(each).includes(`make try-${i}.`));
      });
      for (const [n, tab] of [overview, page].entries()) {
        const seen = await tab.until<Seen>(`window.seen["make try-${i}."]`);
        const waitedMs = seen.at - Date.parse(String(permission["createdAt"]));
        waits[n]?.push({ waitedMs, askedMs: seen.askedMs, probeMs: await tab.look<number>(PROBE) });
        expect(seen.asked).toBe(1);
      }
      // One that was answered elsewhere stays until a person lets it go, and the next would be a line below it.
      const path = `/projects/shop/agents/${agent.id}/permissions/${permission["id"]}`;
      await stage.box.api().post(path, { decision: "allow" });
      for (const tab of [overview, page])
        await tab.until(`(() => {
          const close = [...document.querySelectorAll(".card.settled button")].find((each) => each.textContent === "Close");
          close?.click();
          return document.querySelector(".card") === null || !document.querySelector(".card").textContent.includes("make try-${i}.");
        })()`);
    }
    // A busy machine makes some of them late, a page that waits for something all of them. There are three ways to go:
    // the news, the question, and what is shown of the answer.
    for (const each of waits) {
      const best = (of: "waitedMs" | "askedMs" | "probeMs"): number => Math.min(...each.map((one) => one[of]));
      expect(best("waitedMs")).toBeLessThan(300 + 3 * best("probeMs"));
      expect(best("askedMs")).toBeLessThan(50);
    }
    await overview.close();
    await page.close();
  });

  test("what is typed while it arrives stays, and no letter of it answers", async () => {
    const agent = await asker(ask(COMMAND));
    const tab = await openPage(await browser(), stage, agent.hash);
    await tab.click("#box");
    for (const key of "ab ") await tab.press(key === " " ? "Space" : key);
    await agent.open();
    await tab.see(".card", COMMAND);
    for (const key of "a d ") await tab.press(key === " " ? "Space" : key);
    expect(await tab.look("document.activeElement.id")).toBe("box");
    expect(await tab.look("document.querySelector('#box').value")).toBe("ab a d ");
    await Bun.sleep(500);
    expect(sent(tab)).toEqual([]);
    await tab.press("Escape");
    await untilTaken(
      "the key to answer",
      () => tab.press("a"),
      () => sent(tab).length > 0,
    );
    await settled(agent.name, "allowed");
  });

  test("a click where a card has only just appeared does nothing", async () => {
    const agent = await asker(ask(COMMAND));
    const tab = await openPage(await browser(), stage, agent.hash);
    // The click comes in the very frame in which the card does.
    await tab.look(`new MutationObserver((_, self) => {
      const button = document.querySelector(".card .primary");
      if (button === null) return;
      self.disconnect();
      button.click();
    }).observe(document.body, { subtree: true, childList: true })`);
    await agent.open();
    await tab.see(".card", COMMAND);
    await Bun.sleep(450);
    expect(sent(tab)).toEqual([]);
    await clickUntil(tab, ".card .primary", "Allow", () => sent(tab).length > 0);
    await settled(agent.name, "allowed");
  });

  test("of a long command nothing is allowed before its end was in view; nothing in it hides", async () => {
    const lines = Array.from({ length: 300 }, (_, i) => `echo line ${i + 1}`);
    const command = `${lines.join("\n")}\nrm -rf \u202etxt.elif\u001b[2K`;
    const agent = await asker(ask(command));
    const tab = await openPage(await browser(), stage, agent.hash);
    await agent.open();
    await tab.see(".card .primary", "Show the rest");
    const shown = await tab.text(".card .code");
    expect(shown).toContain("echo line 300");
    expect(shown).toContain("rm -rf ⟨U+202E⟩txt.elif␛[2K");
    // Twice, as by a slow double click: the card stands still by then, and only after 0.7 s the second one is meant.
    const twice = () =>
      tab.look(`new Promise((over) => {
        const click = () => document.querySelector(".card .primary").click();
        const at = performance.now();
        click();
        setTimeout(() => over(performance.now() - at < 680 && click()), 550);
      })`);
    await untilTaken("the rest to be shown", twice, () => tab.look(shows(".card .primary", "Allow")));
    expect(sent(tab)).toEqual([]);
    const end = await tab.look<boolean>(`(() => {
      const box = document.querySelector(".card .code");
      return box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
    })()`);
    expect(end).toBe(true);
    await Bun.sleep(800);
    await clickUntil(tab, ".card .primary", "Allow", () => sent(tab).length > 0);
    await settled(agent.name, "allowed");
    expect(sent(tab)).toHaveLength(1);
  });

  test("a denial takes a reason, and Esc takes the field back", async () => {
    const agent = await asker(ask(COMMAND));
    const tab = await openPage(await browser(), stage, agent.hash);
    await agent.open();
    await tab.see(".card", COMMAND);
    const asks = () =>
      tab.look(`!document.querySelector(".card input").hidden && document.activeElement.closest(".card") !== null`);
    await untilTaken("the field for a reason", () => tab.press("d"), asks);
    await tab.press("Escape");
    await tab.until(`document.querySelector(".card input").hidden`);
    await untilTaken("the field for a reason", () => tab.click(".card .danger"), asks);
    await tab.type("not on a Friday");
    await tab.press("Enter");
    await settled(agent.name, "denied");
    expect(sent(tab)).toMatchObject([{ body: { decision: "deny", message: "not on a Friday" } }]);
  });

  test("a question is answered with an option or with free text", async () => {
    const question = "Which heading style?";
    const agent = await asker(
      { question, options: ["Sentence case", "Title Case"] },
      { question, options: ["A", "B"] },
    );
    const tab = await openPage(await browser(), stage, agent.hash);
    await agent.open();
    await tab.see(".card legend", question);
    const seen = (selector: string, text: string) => () => tab.look(shows(selector, text));
    await clickUntil(tab, ".card .primary", "Answer", seen(".card .problem", "Choose an answer"));
    await tab.click(".card label", "Title Case");
    await clickUntil(tab, ".card .primary", "Answer", seen(".card label", "B"));
    await tab.click('.card input[placeholder="Other: …"]');
    await tab.type("neither");
    await clickUntil(tab, ".card .primary", "Answer", () => sent(tab).length === 2);
    await stage.status("shop", agent.name, "idle");
    const answers = sent(tab).map(({ body }) => (body as { answers: unknown }).answers);
    expect(answers).toEqual([{ [question]: "Title Case" }, { [question]: "neither" }]);
  });

  test("one that was answered elsewhere says so and stays until it is let go", async () => {
    const agent = await asker(ask(COMMAND), { say: "done" });
    const tab = await openPage(await browser(), stage, agent.hash);
    await agent.open();
    await tab.see(".card", COMMAND);
    await stage.box.api().post(`/projects/shop/agents/${agent.name}/permissions/p1`, { decision: "deny" });
    await tab.see(".card.settled", "Already denied at");
    expect(await tab.look(`document.querySelectorAll(".card .primary").length`)).toBe(0);
    await tab.click(".card button", "Close");
    await tab.until(`document.querySelector(".card") === null`);
    expect(sent(tab)).toEqual([]);
  });

  test("one that comes too late is told what was stored before it", async () => {
    const agent = await asker(ask(COMMAND), { say: "done" });
    const tab = await openPage(await browser(), stage, agent.hash);
    await agent.open();
    await tab.see(".card", COMMAND);
    await Bun.sleep(450);
    // The answer of the page meets one that was given meanwhile.
    await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/permissions/p1" }] });
    await clickUntil(tab, ".card .primary", "Allow", () => sent(tab).length > 0);
    await stage.box.api().post(`/projects/shop/agents/${agent.name}/permissions/p1`, { decision: "deny" });
    await tab.releaseRequests();
    await tab.see(".card", "Already denied at");
  });
});
