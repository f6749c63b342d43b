/** What is known of an agent's process, as the daemon tells it: for the person who has to find out why. */
import type { AppContext } from "./app.ts";
import { agentPath, problemText } from "./client.ts";
import { copyButton } from "./copy.ts";
import { fill, h, setText } from "./dom.ts";
import { bytes } from "./format.ts";
import { visible, withoutColours } from "./plain.ts";
import type { Fields } from "./read.ts";
import { fields, list, numberOrNull, text } from "./read.ts";
import type { Agent } from "./shapes.ts";

export function createDebug({ client, store }: AppContext, agent: Agent) {
  const problem = h("p", { class: "problem", role: "alert" });
  const body = h("div", { class: "debug" }, h("p", { class: "dim" }, "Loading …"));
  let all = "";
  const element = h(
    "div",
    { class: "tab-view" },
    h(
      "div",
      { class: "acts" },
      h("button", { on: { click: () => void load() } }, "Look again"),
      copyButton(() => all, "Copy all"),
    ),
    problem,
    body,
  );

  const load = async (): Promise<void> => {
    try {
      const { body: debug } = await client.get(`${agentPath(agent)}/debug`);
      all = JSON.stringify(debug, null, 2);
      setText(problem, "");
      fill(body, sections(debug));
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  let status = agent.status;
  const stop = store.on(["agents"], () => {
    const now = store.agents.get(agent.id)?.status;
    if (now === undefined || now === status) return;
    status = now;
    void load();
  });
  void load();
  return { element, close: stop };
}

function sections(debug: Fields): HTMLElement[] {
  const { process, run, files, counters, lastFrames, stderrTail, ...rest } = debug;
  const tree = list(fields(process)["tree"]).map(fields);
  const frames = list(lastFrames).map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
  return [
    section(
      "Process",
      process === null ? h("p", { class: "dim" }, "None is running.") : table(fields(process), ["tree"]),
    ),
    ...(tree.length > 0
      ? [
          section(
            "Process tree",
            h("pre", {}, tree.map((each) => `${String(each["pid"])}  under ${String(each["ppid"])}`).join("\n")),
          ),
        ]
      : []),
    section("Run", table(fields(run))),
    section("Files", table(fields(files))),
    section("Counters", table({ ...fields(counters), ...rest })),
    section(
      "Last frames",
      frames.length === 0
        ? h("p", { class: "dim" }, "None.")
        : h(
            "div",
            {},
            frames.map((frame) => h("pre", { class: "wrap framed" }, visible(frame))),
          ),
    ),
    section(
      "End of its error output",
      h("pre", { class: "wrap" }, visible(withoutColours(text(stderrTail))) || "(empty)"),
    ),
  ];
}

const section = (title: string, content: HTMLElement): HTMLElement => h("section", {}, h("h2", {}, title), content);

function table(values: Fields, without: readonly string[] = []): HTMLElement {
  return h(
    "dl",
    { class: "pairs" },
    Object.entries(values)
      .filter(([name]) => !without.includes(name))
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "num" }, shown(name, value)))),
  );
}

function shown(name: string, value: unknown): string {
  const size = name.endsWith("Bytes") ? numberOrNull(value) : null;
  if (size !== null) return bytes(size);
  if (value === null || value === undefined) return "none";
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}
