/**
 * Inputs that wait for their turn, or of which nobody knows whether they arrived: taken back, changed, or sent again.
 */
import type { AppContext } from "./app.ts";
import { agentPath, problemText } from "./client.ts";
import type { Row } from "./dom.ts";
import { createKeyed, h, setText } from "./dom.ts";
import { count, firstLine } from "./format.ts";
import { fields, number, text } from "./read.ts";
import type { Agent } from "./shapes.ts";
import { readAll } from "./shapes.ts";

interface Input {
  readonly n: number;
  readonly text: string;
  readonly state: string;
}

export interface Queue {
  readonly element: HTMLElement;
  load(): Promise<void>;
  /** The newest thing that was sent. */
  lastPrompt(): string;
  last(): { readonly n: number; readonly state: string } | null;
}

const PAGE = 200;
/** What is taken sooner than this never waited: shown for a moment it would only make everything jump. */
const WAITS_MS = 300;

export function createQueue({ client }: AppContext, agent: Agent, edit: (text: string) => void): Queue {
  const path = `${agentPath(agent)}/inputs`;
  /** Everything up to here is over and never changes again. */
  let settled = 0;
  let open: readonly Input[] = [];
  let newest: Input | null = null;
  let loading = false;
  let again = false;
  /** When each that is queued was first seen; those of the first look have waited already. */
  const firstSeen = new Map<number, number>();
  let later: ReturnType<typeof setTimeout> | undefined;
  const problem = h("p", { class: "problem", role: "alert" });
  const rows = h("div", { class: "queue-rows" });
  const summary = h("summary");
  const element = h("details", { class: "queue", open: true, hidden: true }, summary, rows, problem);

  const keyed = createKeyed<Input>(rows, { key: ({ n, state }) => `${n} ${state}`, make: (input) => row(input) });

  const takeBack = async ({ n }: Input): Promise<boolean> => {
    setText(problem, "");
    try {
      await client.send("DELETE", `${path}/${n}`);
      void load();
      return true;
    } catch (error) {
      setText(problem, problemText(error));
      return false;
    }
  };

  const row = (input: Input): Row<Input> => {
    const words = h("span", { class: "cut" }, `“${firstLine(input.text)}”`);
    const acts =
      input.state === "queued"
        ? [
            button("Edit", async () => {
              if (await takeBack(input)) edit(input.text);
            }),
            button("Take back", () => void takeBack(input)),
          ]
        : [button("Send again", () => edit(input.text))];
    const state = input.state === "queued" ? "" : "Not known whether it arrived: ";
    return { element: h("div", { class: "q" }, state, words, acts), patch: () => undefined };
  };

  const button = (label: string, click: () => void): HTMLElement =>
    h("button", { class: "quiet small", on: { click } }, label);

  let first = true;
  const hasWaited = (n: number): boolean => {
    const seen = firstSeen.get(n) ?? (first ? 0 : performance.now());
    firstSeen.set(n, seen);
    const left = first ? 0 : seen + WAITS_MS - performance.now();
    clearTimeout(later);
    if (left > 0) later = setTimeout(() => void load(), left);
    return left <= 0;
  };

  const load = async (): Promise<void> => {
    again = loading;
    if (loading) return;
    loading = true;
    try {
      const found: Input[] = [];
      for (let after = settled; ;) {
        const { body } = await client.get(`${path}?after=${after}&limit=${PAGE}`);
        const page = readAll(body["inputs"], readInput);
        found.push(...page);
        after = page.at(-1)?.n ?? after;
        if (page.length < PAGE) break;
      }
      newest = found.at(-1) ?? newest;
      const firstOpen = found.findIndex(
        ({ state }) => state !== "ended" && state !== "cancelled" && state !== "unknown",
      );
      settled =
        firstOpen === -1
          ? (found.filter(({ state }) => state !== "unknown").at(-1)?.n ?? settled)
          : (found[firstOpen]?.n ?? 1) - 1;
      open = found.filter(({ n, state }) => state === "unknown" || (state === "queued" && hasWaited(n)));
      first = false;
      keyed.update(open);
      element.hidden = open.length === 0;
      setText(
        summary,
        `${count(open.length, "input")} ${open.some(({ state }) => state === "queued") ? "queued" : "unknown"}`,
      );
    } catch {
      // The connection says so; the next event or the next connection reads it again.
    } finally {
      loading = false;
      if (again) void load();
    }
  };

  return {
    element,
    load,
    lastPrompt: () => newest?.text ?? "",
    last: () => newest,
  };
}

function readInput(value: unknown): Input | null {
  const input = fields(value);
  return typeof input["n"] === "number"
    ? { n: number(input["n"]), text: text(input["text"]), state: text(input["state"]) }
    : null;
}
