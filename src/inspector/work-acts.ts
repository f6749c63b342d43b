/**
 * Bringing back what was kept, and merging: each says what it will do before it can be done, and nothing is done that
 * was not shown.
 */
import type { AppContext } from "./app.ts";
import { agentPath, problemText } from "./client.ts";
import { openDialog } from "./dialog.ts";
import { fill, h } from "./dom.ts";
import { count } from "./format.ts";
import { nameOf } from "./looks.ts";
import { visible } from "./plain.ts";
import { number, text } from "./read.ts";
import type { Agent } from "./shapes.ts";
import { readAll } from "./shapes.ts";
import type { ChangedFile, Kept, Merged, Work } from "./work-shapes.ts";
import { keptLine, keptName, readMerged, readSkipped, readWork } from "./work-shapes.ts";

export interface WorkContext {
  readonly app: AppContext;
  readonly agent: Agent;
  /** It is done; what it came to, in words. */
  done(words: string): void;
}

/** So many are named. */
const NAMED = 12;

/** `chosen`: the snapshot that is looked at, or nothing. */
export function askRestore(context: WorkContext, work: Work, kept: readonly Kept[], chosen: string): void {
  const { app, agent, done } = context;
  const { client, store } = app;
  const last = kept.at(-1);
  if (last === undefined) return;
  const path = agentPath(agent);
  const to = h(
    "select",
    {},
    kept.toReversed().map((each) => h("option", { value: each.id }, keptLine(each, store.now()))),
  );
  to.value = chosen === "" ? last.id : chosen;
  const preview = createPreview(async () => {
    const { body } = await client.get(`${path}/changes?from=${last.id}&to=${to.value}`);
    return { words: restoreWords(readWork(body), last), possible: true };
  });
  to.addEventListener("change", preview.look);
  openDialog({
    title: `Restore the folder of ${nameOf(agent)}`,
    content: [
      h("label", { class: "field" }, h("span", {}, "To what it was"), to),
      preview.element,
      h(
        "p",
        { class: "dim" },
        "What lies there now is kept first, and can be brought back in the same way. Files that were never kept stay.",
        work.shared && h("b", {}, " It is the project's folder: others who work in it see this, too."),
      ),
    ],
    action: "Restore",
    danger: true,
    ready: preview.ready,
    async act() {
      const { body } = await client.send("POST", `${path}/snapshots/${to.value}/restore`, { body: {} });
      const left = readAll(body["kept"], readSkipped);
      const stayed =
        left.length === 0
          ? ""
          : ` Left as they were: ${visible(left.map((each) => `${each.path} (${each.why})`).join(", "))}.`;
      done(
        `Restored: ${count(number(body["written"]), "file")} written, ${number(body["deleted"])} deleted. ` +
          `What lay there is kept as ${text(body["before"])}.${stayed}`,
      );
    },
  });
  preview.look();
}

function restoreWords({ files, changes }: Work, last: Kept): HTMLElement {
  const since = `Compared with what was kept last (${keptName(last.id).toLowerCase()}), `;
  if (files === 0) return h("p", {}, `${since}no file changes. What changed since then goes back, too.`);
  const gone = changes.filter(({ kind }) => kind === "deleted").length;
  return h(
    "div",
    {},
    h("p", {}, `${since}${count(files - gone, "file is", "files are")} written and ${gone} deleted:`),
    named(changes, files, (each) => `${each.kind === "deleted" ? "deletes" : "writes"} ${each.path}`),
  );
}

export function askMerge({ app, agent, done }: WorkContext, { target, branch }: Work): void {
  const { client } = app;
  const path = `${agentPath(agent)}/merge`;
  const into = h("input", { placeholder: target ?? "a branch", autocomplete: "off", spellcheck: "false" });
  const wish = () => (into.value.trim() === "" ? {} : { into: into.value.trim() });
  const preview = createPreview(async () => {
    const { body } = await client.send("POST", path, { body: { ...wish(), dryRun: true } });
    const merged = readMerged(body);
    return { words: mergeWords(merged), possible: merged.merged && !merged.already };
  });
  into.addEventListener("input", preview.stale);
  openDialog({
    title: `Merge the work of ${nameOf(agent)}`,
    content: [
      h("p", { class: "mono" }, visible(branch ?? "")),
      h("label", { class: "field" }, h("span", {}, "Into"), into),
      h("p", { class: "dim" }, "A new branch, or one that nobody has checked out."),
      preview.element,
    ],
    action: "Merge",
    ready: preview.ready,
    async act() {
      const { body } = await client.send("POST", path, { body: wish() });
      const merged = readMerged(body);
      if (!merged.merged) throw new Error("It conflicts by now: nothing was changed. Look again.");
      done(`${merged.into} has its work now, at ${(merged.commit ?? "").slice(0, 12)}.`);
    },
  });
  preview.look();
}

function mergeWords({ merged, into, already, fastForward, conflicts, uncommitted, nested }: Merged): HTMLElement {
  if (!merged)
    return h(
      "div",
      {},
      h("p", { class: "problem" }, `It conflicts with ${visible(into)} in ${count(conflicts.length, "file")}:`),
      named(conflicts, conflicts.length, (each) => each),
      h("p", {}, "Nothing will be changed. Have the agent bring them together, or name another branch."),
    );
  if (already) return h("p", {}, `${visible(into)} has all of it already.`);
  const how = fastForward ? "is moved forward to its work" : "gets a merge commit";
  const along =
    uncommitted === 0
      ? ""
      : ` ${count(uncommitted, "file")} that it did not commit ${uncommitted === 1 ? "goes" : "go"} along.`;
  const behind = nested.length === 0 ? "" : ` Repositories within stay behind: ${visible(nested.join(", "))}.`;
  return h("p", {}, `Without conflict: ${visible(into)} ${how}.${along}${behind} No file of yours changes.`);
}

function named<T extends string | ChangedFile>(
  items: readonly T[],
  all: number,
  word: (item: T) => string,
): HTMLElement {
  const left = all - Math.min(NAMED, items.length);
  return h(
    "ul",
    { class: "named mono" },
    items.slice(0, NAMED).map((each) => h("li", {}, visible(word(each)))),
    left > 0 && h("li", { class: "dim" }, `… and ${left} more`),
  );
}

interface Found {
  readonly words: HTMLElement;
  readonly possible: boolean;
}

/** What would come of it. The dialog's button waits for the newest answer. */
function createPreview(find: () => Promise<Found>) {
  const element = h("div", { class: "preview", role: "status" });
  let possible = false;
  let asked = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const put = (content: HTMLElement, can: boolean): void => {
    possible = can;
    fill(element, content);
    // The dialog looks at `ready` when something in it was put in.
    element.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const look = (): void => {
    clearTimeout(timer);
    const mine = (asked += 1);
    put(h("p", { class: "dim" }, "Looking what it would do …"), false);
    find().then(
      ({ words, possible: can }) => mine === asked && put(words, can),
      (error: unknown) => mine === asked && put(h("p", { class: "problem" }, visible(problemText(error))), false),
    );
  };
  return {
    element,
    look,
    ready: () => possible,
    /** Something else is being typed. */
    stale(): void {
      asked += 1;
      possible = false;
      clearTimeout(timer);
      timer = setTimeout(look, 400);
    },
  };
}
