/**
 * Why an agent's status is what it is: the cause in words, the frame that decided, the changes before, what comes next.
 */
import type { AppContext } from "./app.ts";
import { agentPath, problemText } from "./client.ts";
import { fill, h, setText } from "./dom.ts";
import { age, clockSeconds, day, sameDay } from "./format.ts";
import { shape } from "./icons.ts";
import { changedAt, isBusy, lookOf, wordOf } from "./looks.ts";
import { visible } from "./plain.ts";
import { fields, parseJson, text, time } from "./read.ts";
import type { Agent, Cause, Frame } from "./shapes.ts";
import { readAll, readCause } from "./shapes.ts";

interface Change {
  readonly id: number;
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly cause: Cause;
}

const SOURCES: Readonly<Record<string, string>> = {
  frame: "a frame of its program",
  exit: "the end of its program",
  timer: "our own clock",
  api: "a request to the API",
  reconcile: "what was found after a restart of the daemon",
};
const CHANGES = 20;

export function createWhy({ store, client }: AppContext, first: Agent) {
  let changes: readonly Change[] = [];
  const problem = h("p", { class: "problem", role: "alert" });
  const now = h("div", { class: "why-now" });
  const chain = h("ol", { class: "changes" });
  const element = h("div", { class: "tab-view" }, problem, now, h("h2", {}, "Changes before"), chain);

  const load = async (): Promise<void> => {
    try {
      const { body } = await client.get(`${agentPath(first)}/events?types=agent_status&limit=${CHANGES}`);
      changes = readAll(body["events"], readChange).sort((a, b) => b.id - a.id);
      draw();
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  const when = (ms: number): string =>
    sameDay(ms, store.now()) ? clockSeconds(ms) : `${day(ms)}, ${clockSeconds(ms)}`;

  const draw = (): void => {
    const agent = store.agents.get(first.id);
    if (agent === undefined) return;
    const { cause } = agent;
    const frame = cause.frame ?? changes[0]?.cause.frame ?? null;
    const look = lookOf(agent.status);
    fill(
      now,
      h(
        "p",
        {},
        h("span", { class: `status s-${look}` }, shape(look), wordOf(agent, true)),
        ` since ${when(changedAt(agent))} (${age(store.now() - changedAt(agent))})`,
      ),
      h("p", {}, "Decided by ", h("b", {}, SOURCES[cause.source] ?? cause.source), `: ${visible(cause.detail)}`),
      frame === null ? null : frameBlock(frame),
      h("p", { class: "dim" }, nextOf(agent)),
    );
    fill(
      chain,
      changes.map(({ id, at, from, to, cause: why }) =>
        h(
          "li",
          {},
          h("span", { class: "faint num" }, `#${id}`),
          h("span", { class: "num dim" }, when(at)),
          h("span", { class: "status" }, shape(lookOf(to)), `${from} → ${to}`),
          h("span", { class: "dim" }, `${why.source}: ${visible(why.detail)}`),
        ),
      ),
    );
  };

  const stop = store.on(["agents"], () => {
    draw();
    const cause = store.agents.get(first.id)?.cause;
    if (cause !== undefined && cause.detail !== changes[0]?.cause.detail) void load();
  });
  draw();
  void load();
  return { element, close: stop };
}

function frameBlock({ text: raw, truncated, run, offset }: Frame): HTMLElement {
  const json = parseJson(raw);
  const shown = json === undefined ? raw : JSON.stringify(json, null, 2);
  return h(
    "figure",
    {},
    h(
      "figcaption",
      { class: "dim" },
      `The frame itself, from byte ${offset} of run ${run}${truncated ? ", cut" : ""}:`,
    ),
    h("pre", { class: "wrap framed", tabindex: "0" }, visible(shown)),
  );
}

function nextOf(agent: Agent): string {
  if (agent.status === "waiting_input") return "Next: an answer, here or anywhere else; or the end of its turn.";
  if (agent.status === "limited")
    return "Next: its account's allowance is there again; then it goes on by itself (agent-harness accounts says when).";
  if (agent.retrying !== null) return "Next: its program tries the model again by itself.";
  if (agent.status === "processing")
    return "Next: the frame that ends its turn, a request, a limit, or the end of its program.";
  if (isBusy(agent)) return "Next: its program says that it is ready, or cannot start.";
  if (agent.held && agent.queuedInputs > 0)
    return "Next: nothing by itself; its queue is held until somebody lets it go on.";
  if (agent.process === "running")
    return "Next: an input begins a turn; a long quiet time ends the process to free its memory.";
  return "Next: an input or a resume starts its program again.";
}

function readChange(value: unknown): Change | null {
  const event = fields(value);
  const data = fields(event["data"]);
  if (typeof event["id"] !== "number") return null;
  return {
    id: event["id"],
    at: time(event["at"]) ?? 0,
    from: text(data["from"]),
    to: text(data["to"]),
    cause: readCause(data["cause"]),
  };
}
