/** One task of the pool in a line: what became of it, where, and why nobody takes it. */
import type { AppContext } from "./app.ts";
import type { Row } from "./dom.ts";
import { attr, fill, h, setText } from "./dom.ts";
import type { Task } from "./fleet-shapes.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { age, lasted } from "./format.ts";
import { setShape } from "./icons.ts";
import type { Look } from "./looks.ts";
import { visible } from "./plain.ts";
import { agentHash } from "./route.ts";
import { onNode } from "./place.ts";

export interface TaskActs {
  cancel(task: Task): void;
  reassign(task: Task): void;
}

const STATES: ReadonlyMap<string, readonly [look: Look, word: string]> = new Map([
  ["queued", ["limited", "Queued"]],
  ["claimed", ["starting", "Claimed"]],
  ["starting", ["starting", "Starting"]],
  ["started", ["processing", "Running"]],
  ["done", ["idle", "Done"]],
  ["failed", ["error", "Failed"]],
  ["cancelled", ["unknown", "Cancelled"]],
]);

export const isOver = ({ state }: Task): boolean => state === "done" || state === "failed" || state === "cancelled";

export function createTaskRow({ store }: AppContext, watch: FleetWatch, acts: TaskActs): Row<Task> {
  const holder = h("span", { class: "shape" });
  const word = h("span");
  const status = h("span", {}, holder, word);
  const name = h("span", { class: "nm" });
  const what = h("span", { class: "dim what-cell" });
  const since = h("span", { class: "dim num" });
  const buttons = h("span", { class: "acts" });
  const element = h("div", { class: "fleet-row" }, status, name, what, since, buttons);
  let offered = "";
  let linked = "";

  const patch = (task: Task): void => {
    const { state, project, provider, holder: box, agent, error, blockedBy, lost, cancel } = task;
    const [look, spelled] = STATES.get(state) ?? ["unknown", state];
    attr(element, "data-task", task.id);
    // Nobody knows what became of it on a box that is not heard of.
    attr(element, "class", lost ? "fleet-row unsure" : "fleet-row");
    setShape(holder, look);
    attr(status, "class", `status s-${look}`);
    setText(word, cancel && !isOver(task) ? "Being ended" : spelled);
    const href =
      box === null || agent === null ? "" : onNode(box === watch.self ? null : box, agentHash({ project, id: agent }));
    if (href !== linked || name.textContent === "") fill(name, href === "" ? project : h("a", { href }, project));
    linked = href;
    setText(
      what,
      visible(
        [
          box === null ? "" : lost ? `${box}, which is not heard of: this was its state` : box,
          provider ?? "",
          error,
          blockedBy === "" ? "" : `nobody takes it: ${blockedBy}`,
          task.id.slice(0, 13),
        ]
          .filter((each) => each !== "")
          .join(" · "),
      ),
    );
    setText(since, whenOf(task, store.present()));
    const wanted = isOver(task) ? "" : box !== null && lost ? "both" : "cancel";
    if (wanted === offered) return;
    offered = wanted;
    fill(
      buttons,
      wanted === "both" &&
        h("button", { class: "small", on: { click: () => acts.reassign(task) } }, "Give to another …"),
      wanted !== "" && h("button", { class: "small quiet", on: { click: () => acts.cancel(task) } }, "Cancel …"),
    );
  };
  return { element, patch };
}

function whenOf({ createdAt, startedAt, endedAt }: Task, now: number): string {
  if (endedAt !== null)
    return `${age(now - endedAt)}${startedAt === null ? "" : `, took ${lasted(endedAt - startedAt)}`}`;
  return startedAt === null ? `asked ${age(now - createdAt)}` : `for ${age(now - startedAt)}`;
}
