/** Long and fast conversations: the reader stays in place, who stands at the end follows it, nothing is lost. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { follows, openPage, openStage, script } from "./stage.ts";
import type { Tab } from "./tab.ts";

const MESSAGES = 5000;

/**
 * Scrolled fast down and up again: for how many frames, at most, no row stands where rows should be. Not for how long:
 * a busy machine paints few, and then each of them lasts.
 */
async function longestBlank(tab: Tab): Promise<number> {
  await tab.look(`(() => {
    window.blank = [];
    const log = document.querySelector(".log");
    let frames = 0;
    let top = log.scrollTop;
    const look = () => {
      // What was jumped over cannot have been there: a frame that came late counts for nothing.
      const far = Math.abs(log.scrollTop - top) > 2 * log.clientHeight;
      top = log.scrollTop;
      const box = log.getBoundingClientRect();
      const shown = [0.2, 0.5, 0.8].some((part) =>
        document.elementFromPoint(box.x + box.width / 2, box.y + box.height * part)?.closest(".log-row, .log-edge") != null);
      if (!shown) frames += far ? 0 : 1;
      else if (frames > 0) frames = void window.blank.push(frames) ?? 0;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  })()`);
  for (const yDistance of [-40_000, 30_000])
    await tab.send("Input.synthesizeScrollGesture", {
      ...{ x: 640, y: 400, yDistance, speed: 8000, gestureSourceType: "mouse" },
    });
  const { longest, top } = await tab.look<{ longest: number; top: number }>(
    `({ longest: Math.max(0, ...window.blank), top: document.querySelector(".log").scrollTop })`,
  );
  expect(top).toBeGreaterThan(2000); // it was scrolled at all
  return longest;
}

describeInBrowser("a conversation", (browser) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
    await stage.project("shop");
  });
  afterAll(() => stage.close());

  const place = `(() => {
    const log = document.querySelector(".log");
    return { top: log.scrollTop, end: Math.round(log.scrollHeight - log.scrollTop - log.clientHeight) };
  })()`;

  test("streamed text is the final message, and nothing of it jumps", async () => {
    const gate = `${stage.box.dir}/stream`;
    const text = `${"A sentence that is streamed. ".repeat(60)}The end.`;
    const id = await stage.agent("shop", "stream", [{ say: "ready" }]);
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "ready");
    await follows(tab, id);
    await tab.look(`new PerformanceObserver((list) => {
      for (const each of list.getEntries()) window.shift = (window.shift ?? 0) + each.value;
    }).observe({ type: "layout-shift" })`);
    await stage.box.api().post(`/projects/shop/agents/${id}/input`, { text: script({ say: text, chunks: 100, gate }) });
    await tab.see(".streaming .say", "A sentence that is streamed.");
    const half = await tab.text(".streaming .say");
    expect(text.startsWith(half)).toBe(true);
    await Bun.write(gate, "");
    await tab.until(`document.querySelector(".streaming .say") === null`);
    await tab.see(".r-text .say", "The end.");
    expect(
      (await tab.look<string[]>(`[...document.querySelectorAll(".r-text .say")].map((each) => each.textContent)`)).at(
        -1,
      ),
    ).toBe(text);
    expect(await tab.look("window.shift ?? 0")).toBe(0);
  });

  test("what is streamed right behind a turn's end is shown, also where a frame is far away", async () => {
    const [end, rest] = [`${stage.box.dir}/end`, `${stage.box.dir}/rest`];
    const id = await stage.agent("shop", "frames", [{ say: "ready" }, { gate: end }]);
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "ready");
    await follows(tab, id);
    await tab.look(`window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 2000)`);
    await Bun.write(end, "");
    await stage.status("shop", "frames", "idle");
    const text = "A sentence that is streamed. ".repeat(20);
    const input = script({ say: text, chunks: 10, gate: rest });
    await stage.box.api().post(`/projects/shop/agents/${id}/input`, { text: input });
    await tab.see(".streaming .say", "A sentence that is streamed.");
    await Bun.write(rest, "");
    await tab.see(".r-text .say", text.trimEnd());
    expect(tab.complaints).toEqual([]);
  });

  test("who scrolls up is not taken back to the end by what is drawn in that moment", async () => {
    const [gate, never] = [`${stage.box.dir}/scrolled`, `${stage.box.dir}/never`];
    const many = Array.from({ length: 60 }, (_, i) => ({ say: `message ${i + 1}` }));
    const id = await stage.agent("shop", "moment", [...many, { gate }, { say: "the last message" }, { gate: never }]);
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "message 60");
    await follows(tab, id);
    await tab.until(`${place}.end === 0`);
    // The moment between two frames, made long.
    await tab.look(`(window.waiting = [], window.requestAnimationFrame = (draw) => window.waiting.push(draw))`);
    await Bun.write(gate, "");
    await tab.until(`window.waiting.length > 0`);
    await tab.look(`new Promise((seen) => {
      document.querySelector(".log").addEventListener("scroll", seen, { once: true });
      document.querySelector(".log").scrollTop = 100;
    })`);
    await tab.look(`(() => {
      window.requestAnimationFrame = (draw) => setTimeout(draw, 0);
      for (const draw of window.waiting) draw(performance.now());
    })()`);
    await tab.see(".say", "the last message");
    expect(await tab.look(`${place}.end`)).toBeGreaterThan(500);
  });

  test("who scrolls up by a little is no longer at the end, and who comes down again is", async () => {
    const [first, second] = [`${stage.box.dir}/first`, `${stage.box.dir}/second`];
    const many = Array.from({ length: 60 }, (_, i) => ({ say: `message ${i + 1}` }));
    const steps = [...many, { gate: first }, { say: "one more" }, { gate: second }, { say: "the last message" }];
    const id = await stage.agent("shop", "little", steps);
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "message 60");
    await follows(tab, id);
    await tab.until(`${place}.end === 0`);
    const wheel = (deltaY: number) =>
      tab.send("Input.dispatchMouseEvent", { type: "mouseWheel", x: 640, y: 400, deltaX: 0, deltaY });
    await wheel(-20);
    await tab.until(`document.querySelector(".to-end").checkVisibility()`);
    await Bun.write(first, "");
    await tab.see(".to-end", "↓ 1 new");
    expect(await tab.look(`${place}.end`)).toBeGreaterThan(20);
    await wheel(500);
    await tab.until(`${place}.end === 0 && !document.querySelector(".to-end").checkVisibility()`);
    await Bun.write(second, "");
    await tab.see(".say", "the last message");
    await tab.until(`${place}.end === 0`);
  });

  test("who has scrolled up stays where they are while much is said, sees how much, and End leads back", async () => {
    const gate = `${stage.box.dir}/many`;
    const many = Array.from({ length: 60 }, (_, i) => ({ say: `old message ${i + 1}\n\nwith a second line` }));
    const more = Array.from({ length: 500 }, (_, i) => ({ say: `new message ${i + 1}` }));
    const id = await stage.agent("shop", "talks", [...many, { gate }, ...more]);
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", "old message 60");
    await tab.look(`(() => { const log = document.querySelector(".log"); log.scrollTop = log.scrollHeight / 2; })()`);
    await tab.until(`document.querySelector(".to-end")?.checkVisibility() === true`);
    const first = `(() => {
      const edge = document.querySelector(".log").getBoundingClientRect().top;
      const row = [...document.querySelectorAll(".log-row")].find((each) => each.getBoundingClientRect().bottom > edge);
      return [row.textContent.slice(0, 30), Math.round(row.getBoundingClientRect().top)];
    })()`;
    await Bun.sleep(300);
    const before = await tab.look(first);
    await Bun.write(gate, "");
    await stage.status("shop", "talks", "idle");
    await tab.until(`/↓ \\d{2,} new/.test(document.querySelector(".to-end").textContent)`);
    expect(await tab.look(first)).toEqual(before);
    await tab.look(`document.activeElement.blur()`);
    await tab.press("Shift+G");
    await tab.see(".say", "new message 500");
    await tab.until(`${place}.end <= 64`);
  });

  test("five thousand messages: the first and the last are found by scrolling, and few are laid out at once", async () => {
    const steps = Array.from({ length: MESSAGES - 2 }, (_, i) => ({ say: `message ${i + 1} of many` }));
    const id = await stage.agent("shop", "huge", steps);
    await stage.status("shop", "huge", "idle");
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.see(".say", `message ${MESSAGES - 2} of many`);
    const order = `[...document.querySelectorAll(".r-text .say")].map((each) => Number(/message (\\d+)/.exec(each.textContent)[1]))`;
    await tab.until(
      `(() => {
        const log = document.querySelector(".log");
        log.scrollTop = 0;
        return document.querySelector(".r-text .say")?.textContent === "message 1 of many";
      })()`,
      120_000,
    );
    expect(await tab.look(`document.querySelectorAll(".r-text").length`)).toBeLessThanOrEqual(600);
    const shown = await tab.look<number[]>(order);
    expect(shown).toEqual([...shown].sort((a, b) => a - b));
    expect(new Set(shown).size).toBe(shown.length);
    expect(await longestBlank(tab)).toBeLessThanOrEqual(6); // a tenth of a second, where there are sixty in one
    await tab.look(`document.activeElement.blur()`);
    await tab.press("Shift+G");
    await tab.until(`(() => {
      const log = document.querySelector(".log");
      log.scrollTop = log.scrollHeight;
      return [...document.querySelectorAll(".r-text .say")].at(-1)?.textContent === "message ${MESSAGES - 2} of many";
    })()`);
    expect(tab.complaints).toEqual([]);
  });
});
