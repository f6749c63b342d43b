/**
 * The inspector in a real browser whose processor is slowed to a quarter: how soon it shows something, what a change
 * and a streamed word cost, whether it scrolls, and that a hidden tab does nothing.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { found, launch } from "../browser/chromium.ts";
import type { Browser } from "../browser/chromium.ts";
import { openStage, script } from "../browser/stage.ts";
import type { Stage } from "../browser/stage.ts";
import type { Tab } from "../browser/tab.ts";
import type { Claim } from "./row.ts";
import { ms, quantile } from "./row.ts";
import type { Measurement } from "./world.ts";

const AGENTS = 100;
const MESSAGES = 5000;
const SLOWED = 4;
const ROUNDS = 7;
const STREAM_SECONDS = 10;
const HIDDEN_SECONDS = 10;

export const page: Measurement = async () => {
  if ("skip" in found) return [{ what: "the inspector in a browser", skipped: found.skip, must: "be measured" }];
  const stage = await openStage({
    providers: {
      "claude-code": { command: [process.execPath, join(import.meta.dir, "../fakes/claude.ts")] },
      sh: { kind: "command", command: ["/bin/sh", "-c", "cat >/dev/null; echo done"] },
    },
  });
  const browser = await launch();
  try {
    for (let i = 0; i < AGENTS; i += 1) {
      if (i % 20 === 0) await stage.project(`p${i / 20}`);
      await stage.box.api().post(`/projects/p${Math.floor(i / 20)}/agents`, { provider: "sh", name: `a${i}` });
    }
    const steps = Array.from({ length: MESSAGES }, (_, i) => ({ say: `message ${i + 1}` }));
    const huge = await stage.agent("p0", "huge", steps);
    await stage.status("p0", "huge", "idle");
    const tab = await browser.tab();
    await tab.viewport(1280, 800);
    await tab.send("Emulation.setCPUThrottlingRate", { rate: SLOWED });
    await tab.send("Performance.enable");
    return [
      await firstList(tab, stage),
      await openHuge(tab, stage, huge),
      ...(await changes(tab, stage)),
      ...(await streamed(tab, stage)),
      ...(await scrolled(tab, huge)),
      await hidden(browser, stage),
    ];
  } finally {
    await browser.close();
    await stage.close();
    rmSync(stage.box.dir, { recursive: true, force: true });
  }
};

/** Milliseconds from the navigation until the frame in which `shown` holds. */
async function timeUntil(tab: Tab, url: string, shown: string): Promise<number> {
  await tab.blank();
  const watch = `
    const look = () => {
      if (${shown}) requestAnimationFrame(() => setTimeout(() => (window.shownAt = performance.now())));
      else requestAnimationFrame(look);
    };
    addEventListener("DOMContentLoaded", look);`;
  const { identifier } = await tab.send("Page.addScriptToEvaluateOnNewDocument", { source: watch });
  await tab.goto(url);
  const at = await tab.until<number>("window.shownAt");
  await tab.send("Page.removeScriptToEvaluateOnNewDocument", { identifier });
  return at;
}

async function firstList(tab: Tab, stage: Stage): Promise<Claim> {
  const times: number[] = [];
  const shown = `[...document.querySelectorAll(".list-head span")].some((each) => each.textContent === "${AGENTS + 1} agents")`;
  for (let i = 0; i < ROUNDS; i += 1) times.push(await timeUntil(tab, stage.url(), shown));
  return bound(`page: navigation until ${AGENTS} agents are painted, p95, CPU ${SLOWED} times slower`, times, 500);
}

async function openHuge(tab: Tab, stage: Stage, id: string): Promise<Claim> {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    await tab.blank();
    await tab.goto(stage.url());
    await tab.see(".live", "live");
    const took = await tab.look<number>(`new Promise((done) => {
      const from = performance.now();
      const look = () => {
        const last = [...document.querySelectorAll(".r-text .say")].at(-1)?.textContent;
        if (last === "message ${MESSAGES}") requestAnimationFrame(() => setTimeout(() => done(performance.now() - from)));
        else requestAnimationFrame(look);
      };
      location.hash = "#/a/p0/${id}";
      look();
    })`);
    times.push(took);
  }
  return bound(`page: an agent of ${MESSAGES} messages opened until its last page is painted, p95`, times, 700);
}

const bound = (what: string, times: readonly number[], limit: number): Claim => {
  const p95 = quantile(times, 0.95);
  return { what, measured: ms(p95), must: `<= ${limit} ms`, fine: p95 <= limit, absolute: true };
};

/** Long tasks and layout shifts from now on, and a clock of frames. */
const WATCH = `(() => {
  window.long = []; window.shift = 0; window.frames = [];
  new PerformanceObserver((list) => window.long.push(...list.getEntries().map((each) => each.duration))).observe({ type: "longtask" });
  new PerformanceObserver((list) => list.getEntries().forEach((each) => (window.shift += each.value))).observe({ type: "layout-shift" });
  const frame = (at) => { window.frames.push(at); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
})()`;

async function scriptMs(tab: Tab): Promise<number> {
  const { metrics } = await tab.send("Performance.getMetrics");
  const found = (metrics as { name: string; value: number }[]).find(({ name }) => name === "ScriptDuration");
  return (found?.value ?? Number.NaN) * 1000;
}

async function changes(tab: Tab, stage: Stage): Promise<Claim[]> {
  await tab.blank();
  await tab.goto(stage.url());
  await tab.see(".live", "live");
  await tab.look(WATCH);
  const before = await scriptMs(tab);
  const turns = 25; // each is started, processing, done: about four events
  for (let i = 0; i < turns; i += 1) {
    await stage.box.api().post(`/projects/p1/agents/a${20 + (i % 20)}/input`, { text: "go" });
    await Bun.sleep(200);
  }
  await Bun.sleep(1000);
  const each = ((await scriptMs(tab)) - before) / (turns * 4);
  const longest = await tab.look<number>("Math.max(0, ...window.long)");
  return [
    {
      what: "page: scripting for a change of a status",
      measured: ms(each),
      must: "<= 8 ms",
      fine: each <= 8,
      absolute: true,
    },
    {
      what: "page: longest task while statuses change",
      measured: ms(longest),
      must: "<= 50 ms",
      fine: longest <= 50,
      absolute: true,
    },
  ];
}

async function streamed(tab: Tab, stage: Stage): Promise<Claim[]> {
  const gate = `${stage.box.dir}/stream`;
  const chunks = STREAM_SECONDS * 200;
  const id = await stage.agent("p2", "streams", "hello");
  await stage.status("p2", "streams", "idle");
  await tab.look(`location.hash = "#/a/p2/${id}"`);
  await tab.see(".say", "echo: hello");
  await tab.look(WATCH);
  const words = "word ".repeat(chunks / STREAM_SECONDS);
  const say = Array.from({ length: STREAM_SECONDS }, () => ({ say: words, chunks: 200 }));
  await stage.box.api().post(`/projects/p2/agents/${id}/input`, { text: script({ gate }, ...say) });
  await Bun.write(gate, "");
  await stage.status("p2", "streams", "idle");
  await Bun.sleep(500);
  const { long, shift, fps } = await tab.look<{ long: number; shift: number; fps: number }>(
    `({ long: window.long.length, shift: window.shift, fps: window.frames.length * 1000 / (window.frames.at(-1) - window.frames[0]) })`,
  );
  return [
    {
      what: `page: long tasks while ${chunks} pieces stream`,
      measured: String(long),
      must: "0",
      fine: long === 0,
      absolute: true,
    },
    {
      what: "page: frames a second meanwhile",
      measured: fps.toFixed(0),
      must: ">= 55",
      fine: fps >= 55,
      absolute: true,
    },
    { what: "page: layout shift meanwhile", measured: shift.toFixed(3), must: "0", fine: shift === 0 },
  ];
}

async function scrolled(tab: Tab, id: string): Promise<Claim[]> {
  await tab.look(`location.hash = "#/a/p0/${id}"`);
  await tab.see(".say", `message ${MESSAGES}`);
  await tab.look(WATCH);
  await tab.send("Input.synthesizeScrollGesture", {
    x: 640,
    y: 400,
    yDistance: 20_000,
    speed: 4000,
    gestureSourceType: "mouse",
  });
  const { fps, nodes } = await tab.look<{ fps: number; nodes: number }>(
    `({ fps: window.frames.length * 1000 / (window.frames.at(-1) - window.frames[0]), nodes: document.querySelectorAll("*").length })`,
  );
  return [
    {
      what: "page: frames a second while scrolling back",
      measured: fps.toFixed(0),
      must: ">= 50",
      fine: fps >= 50,
      absolute: true,
    },
    { what: "page: elements after it", measured: String(nodes), must: "<= 15000", fine: nodes <= 15_000 },
  ];
}

async function hidden(browser: Browser, stage: Stage): Promise<Claim> {
  const tab = await browser.tab();
  await tab.send("Performance.enable");
  await tab.goto(stage.url());
  await tab.see(".live", "live");
  await tab.setHidden(true);
  await Bun.sleep(1000);
  const before = await scriptMs(tab);
  await Bun.sleep(HIDDEN_SECONDS * 1000);
  const spent = ((await scriptMs(tab)) - before) / HIDDEN_SECONDS;
  return { what: "page: scripting a second in a hidden tab", measured: ms(spent), must: "<= 1 ms", fine: spent <= 1 };
}
