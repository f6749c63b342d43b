/**
 * What an agent changed, of one turn or of all of them: files with figures, their lines when they are opened. Long ones
 * are cut, and say so. What changes anything is behind the dialogs of `work-acts.ts`.
 */
import type { AppContext } from "./app.ts";
import { ApiError, agentPath, problemText } from "./client.ts";
import { diffBlock } from "./code.ts";
import { attr, fill, h, setText } from "./dom.ts";
import { count } from "./format.ts";
import { isBusy, nameOf } from "./looks.ts";
import { visible } from "./plain.ts";
import { list } from "./read.ts";
import type { Agent } from "./shapes.ts";
import { readAll } from "./shapes.ts";
import { askMerge, askRestore } from "./work-acts.ts";
import type { ChangedFile, FileLines, Kept, Work } from "./work-shapes.ts";
import { figures, keptLine, patchHunks, placeLine, readKept, readLines, readWork } from "./work-shapes.ts";

/** More files than this are not drawn. */
const FILES = 400;
/** More lines of one file than this are not drawn. */
const LINES = 2000;
const SAVING =
  "What its last turn left is still being kept: these are the changes up to the turn before. The rest follows by itself.";
/** Of all files that are opened at once. */
const ALL_LINES = 8000;

interface Shown {
  readonly file: ChangedFile;
  readonly element: HTMLDetailsElement;
  /** How many lines are drawn now. */
  put(lines: FileLines): number;
}

export function createChanges(app: AppContext, agent: Agent) {
  const { client, store, link } = app;
  const path = agentPath(agent);
  const command = `agent-harness diff ${agent.project}/${nameOf(agent)}${app.node === null ? "" : ` --node ${app.node}`}`;
  let work: Work | null = null;
  let kept: readonly Kept[] = [];
  let shown: readonly Shown[] = [];
  let asked = 0;
  let loading = false;

  const problem = h("p", { class: "problem", role: "alert" });
  const said = h("p", { class: "dim", role: "status" });
  const of = h("select", { "aria-label": "Which part of its work" });
  const all = h("button", { on: { click: () => void openAll() } }, "Open all files");
  const restore = h("button", { on: { click: () => work !== null && askRestore(context(), work, kept, of.value) } });
  setText(restore, "Restore …");
  const merge = h("button", { on: { click: () => work !== null && askMerge(context(), work) } }, "Merge …");
  const busy = h("p", { class: "dim small-line", hidden: true }, "It is at work in there: restore and merge wait.");
  const pending = h("p", { class: "saving", role: "status" });
  const place = h("p", { class: "dim small-line mono" });
  const sum = h("p", { class: "num" });
  const files = h("div", { class: "events files" });
  const element = h(
    "div",
    { class: "tab-view work" },
    h("div", { class: "acts" }, of, all, restore, merge),
    busy,
    problem,
    said,
    pending,
    place,
    sum,
    files,
  );

  const context = () => ({
    app,
    agent,
    done(words: string): void {
      setText(said, words);
      void load();
    },
  });

  const range = (): string => (of.value === "" ? "" : `turn=${encodeURIComponent(of.value)}`);

  const drawActs = (): void => {
    const now = store.agents.get(agent.id);
    const works = now !== undefined && isBusy(now);
    busy.hidden = !works;
    restore.disabled = works || kept.length === 0;
    merge.disabled = works || work === null;
    merge.hidden = work !== null && work.branch === null;
    all.disabled = shown.length === 0;
  };

  const drawRanges = (): void => {
    const chosen = of.value;
    const turns = kept.filter(({ id }) => id !== "0").toReversed();
    fill(
      of,
      h("option", { value: "" }, "All of its work"),
      turns.map((each) => h("option", { value: each.id }, keptLine(each, store.now()))),
    );
    of.value = turns.some(({ id }) => id === chosen) ? chosen : "";
  };

  const draw = (): void => {
    if (work === null) return;
    setText(pending, work.pending ? SAVING : "");
    setText(place, visible(placeLine(work)));
    setText(sum, work.files === 0 ? "" : `${count(work.files, "file")} ${figures(work)}`);
    const open = new Set(shown.filter((each) => each.element.open).map((each) => each.file.path));
    shown = work.changes.slice(0, FILES).map(makeFile);
    const left = work.files - shown.length;
    fill(
      files,
      shown.map((each) => each.element),
      shown.length === 0 && h("p", { class: "empty" }, of.value === "" ? "Nothing changed." : "This changed nothing."),
      left > 0 && h("p", { class: "cut-here" }, `Truncated: ${count(left, "more file")}. All of them: ${command}`),
      work.skipped.length > 0 &&
        h(
          "p",
          { class: "dim small-line" },
          `Not kept: ${visible(work.skipped.map((each) => `${each.path} (${each.why})`).join(", "))}`,
        ),
      work.shared && h("p", { class: "dim small-line" }, "Others work in this folder, too: not all of it need be its."),
    );
    for (const each of shown) if (open.has(each.file.path)) each.element.open = true;
  };

  const makeFile = (file: ChangedFile): Shown => {
    const { path: name, from, kind } = file;
    const lines = h("div", { class: "inner" });
    const details = h(
      "details",
      { "data-path": name },
      h(
        "summary",
        {},
        h("span", { class: "dim kind" }, kind),
        h("span", { class: "mono file-name" }, visible(from === null ? name : `${from} → ${name}`)),
        h("span", { class: "num file-figures" }, figures(file)),
      ),
      lines,
    );
    let drawn = false;
    const put = ({ patch, truncated }: FileLines): number => {
      drawn = true;
      const hunks = patch === null ? [] : patchHunks(patch);
      const cut = truncated || hunks.length > LINES;
      fill(
        lines,
        hunks.length > 0 && diffBlock(hunks.slice(0, LINES)),
        cut &&
          h(
            "p",
            { class: "cut-here" },
            patch === null ? "Too long to be shown. " : "Truncated. ",
            `All of it: ${command}`,
          ),
      );
      return Math.min(hunks.length, LINES);
    };
    details.addEventListener("toggle", async () => {
      if (!details.open || drawn) return;
      drawn = true;
      setText(lines, "Loading …");
      try {
        const { body } = await client.get(`${path}/diff?path=${encodeURIComponent(name)}&${range()}`);
        put(readAll(body["files"], readLines)[0] ?? { path: name, patch: null, truncated: true });
      } catch (error) {
        drawn = false;
        fill(lines, h("p", { class: "problem" }, problemText(error)));
      }
    });
    return { file, element: details, put };
  };

  async function openAll(): Promise<void> {
    const mine = asked;
    all.disabled = true;
    try {
      const { body } = await client.get(`${path}/diff?${range()}`);
      if (mine !== asked) return;
      const found = new Map(list(body["files"]).map((each) => [readLines(each).path, readLines(each)]));
      let left = ALL_LINES;
      for (const each of shown) {
        const lines = found.get(each.file.path);
        if (lines === undefined || left <= 0) continue;
        left -= each.put(lines);
        each.element.open = true;
      }
      setText(problem, "");
      if (left <= 0) setText(said, "Truncated: the files behind these stay folded. Each opens by itself.");
    } catch (error) {
      setText(problem, problemText(error));
    } finally {
      all.disabled = false;
    }
  }

  async function load(): Promise<void> {
    const mine = (asked += 1);
    loading = true;
    try {
      const snapshots = await client.get(`${path}/snapshots`);
      if (mine !== asked) return;
      kept = readAll(snapshots.body["snapshots"], readKept);
      drawRanges();
      const { body } = await client.get(`${path}/changes?${range()}`);
      if (mine !== asked) return;
      work = readWork(body);
      setText(problem, "");
      draw();
    } catch (error) {
      if (mine !== asked) return;
      // Not there yet, or not kept for this agent: no failure.
      if (error instanceof ApiError && error.status === 404) fill(files, h("p", { class: "empty" }, error.message));
      else setText(problem, problemText(error));
    }
    loading = false;
    drawActs();
  }

  of.addEventListener("change", () => {
    setText(said, "");
    shown = [];
    attr(files, "aria-busy", "true");
    void load().finally(() => attr(files, "aria-busy", null));
  });
  const stops = [
    store.on(["agents"], drawActs),
    link.onEvent(({ type, data }) => {
      if (data["agent"] !== agent.id) return;
      // Kept behind the turn's end, or given up: a turn that ends with it is told of once.
      const saved =
        type === "snapshot" || type === "agent_status" || (type === "note" && data["code"] === "snapshot_skipped");
      if (type === "turn_ended" || (saved && (loading || work?.pending === true))) void load();
    }),
    link.onReload(() => void load()),
  ];
  fill(files, h("p", { class: "empty" }, "Looking …"));
  drawActs();
  void load();
  return {
    element,
    close: () => {
      asked += 1;
      for (const stop of stops) stop();
    },
  };
}
