/**
 * An hour of twenty busy agents in a quarter of a minute: what the page is told comes from the test, faster than agents
 * could; what it keeps of it is bounded.
 */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage } from "./stage.ts";
import type { Tab } from "./tab.ts";

const AGENTS = 20;
const MINUTES = 60;
const WARM_UP = 4;
const GROWTH_BYTES = 10 * 1024 * 1024;
const NODES = 15_000;

/** The page's event stream is ours; everything else it asks the daemon for. */
const OWN_STREAM = `{
  const ask = window.fetch.bind(window);
  window.fetch = (input, init) => {
    if (new Headers(init?.headers).get("accept") !== "text/event-stream") return ask(input, init);
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      start: (control) => (window.feed = (text) => control.enqueue(encoder.encode(text))),
    });
    return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
  };
}`;

/**
 * A minute of each agent: a turn that begins and ends, something new to do every four seconds. Of the one on screen
 * also what it says: words that stream, the whole of them, a tool and its answer of some kilobytes.
 */
const MINUTE = `(async (agents, shown, minute) => {
  let id = 1e9 + minute * 1e5;
  const at = new Date().toISOString();
  const event = (type, agent, data) =>
    "id: " + ++id + "\\nevent: " + type + "\\ndata: " + JSON.stringify({ id, type, project: "p", agent, at, data }) + "\\n\\n";
  const bare = (type, data) => "event: " + type + "\\ndata: " + JSON.stringify(data) + "\\n\\n";
  const turn = (agent) => ({ id: "turn_" + agent + minute, n: minute, origin: "user", startedAt: at });
  for (let second = 0; second < 60; second += 4) {
    let text = "";
    for (const agent of agents) {
      if (second === 0) text += event("turn_started", agent, { turn: turn(agent) });
      text += bare("activity", { agent, activity: { kind: "tool", text: "Bash: step " + second + " of " + minute, at } });
      if (second === 56) text += event("turn_ended", agent, { turn: { ...turn(agent), endedAt: at, outcome: "completed" } });
    }
    const n = minute * 1000 + second * 2;
    const turnId = "turn_" + shown + minute;
    const message = (more) => ({ turnId, createdAt: at, ...more });
    for (let word = 0; word < 10; word += 1) text += bare("delta", { agent: shown, key: "k" + n, kind: "text", text: "word " });
    text += event("message", shown, { message: message({ id: 1e7 + n, key: "k" + n, role: "assistant", text: "",
      parts: [{ type: "text", text: "word ".repeat(10) }, { type: "tool_use", id: "c" + n, name: "Bash", input: { command: "step " + n } }] }) });
    text += event("message", shown, { message: message({ id: 1e7 + n + 1, role: "user", text: "",
      parts: [{ type: "tool_result", id: "c" + n, text: ("line of output " + n + "\\n").repeat(200) }] }) });
    window.feed(text);
    if (second % 10 === 0) await new Promise((done) => requestAnimationFrame(done));
  }
})`;

describeInBrowser("an hour", (browser) => {
  let stage: Stage;
  const ids: string[] = [];
  beforeAll(async () => {
    stage = await openStage();
    await stage.project("p");
    for (let i = 0; i < AGENTS; i += 1) ids.push(await stage.agent("p", `a${i}`, null));
  });
  afterAll(() => stage.close());

  const weight = async (tab: Tab): Promise<{ readonly bytes: number; readonly nodes: number }> => {
    await tab.look("new Promise((done) => setTimeout(done, 600))");
    await tab.send("HeapProfiler.collectGarbage");
    const { usedSize } = await tab.send("Runtime.getHeapUsage");
    const { nodes } = await tab.send("Memory.getDOMCounters");
    return { bytes: Number(usedSize), nodes: Number(nodes) };
  };

  test("an hour of twenty busy agents costs less than ten megabytes and leaves the page light", async () => {
    const tab = await openPage(await browser(), stage, "", { fresh: true });
    await tab.send("Page.addScriptToEvaluateOnNewDocument", { source: OWN_STREAM });
    const [shown = ""] = ids;
    await tab.blank();
    await tab.goto(`${stage.url()}#/a/p/${shown}`);
    await tab.see(".live", "live");
    const minute = (n: number) => tab.look(`${MINUTE}(${JSON.stringify(ids)}, ${JSON.stringify(shown)}, ${n})`);
    for (let n = 1; n <= WARM_UP; n += 1) await minute(n);
    await tab.see(".r-text .say", "word word");
    const before = await weight(tab);
    for (let n = WARM_UP + 1; n <= WARM_UP + MINUTES; n += 1) await minute(n);
    // The newest of it is there, and one stands at it.
    await tab.until(`document.querySelectorAll(".turn-line").length > 0`);
    const after = await weight(tab);
    console.log(
      `an hour: heap ${(before.bytes / 2 ** 20).toFixed(1)} → ${(after.bytes / 2 ** 20).toFixed(1)} MB, nodes ${before.nodes} → ${after.nodes}`,
    );
    expect(after.bytes - before.bytes).toBeLessThan(GROWTH_BYTES);
    expect(after.nodes).toBeLessThan(NODES);
    expect(tab.complaints).toEqual([]);
    await tab.close();
  });
});
