/** The fleet: its boxes with how far away they are, and the tasks that any of them may take. */
import type { AppContext, Page } from "./app.ts";
import { problemText } from "./client.ts";
import { openDialog } from "./dialog.ts";
import { createKeyed, h, setText } from "./dom.ts";
import { count } from "./format.ts";
import { createNodeRow } from "./fleet-node.ts";
import type { FleetNode, Task } from "./fleet-shapes.ts";
import { readTask } from "./fleet-shapes.ts";
import { createTaskRow, isOver } from "./fleet-task.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { readAll } from "./shapes.ts";

const TASKS = 200;

export function createFleetPage(app: AppContext, watch: FleetWatch): Page {
  const home = app.clientOf(null);
  const problem = h("p", { class: "problem", role: "alert" });
  /** Of what was asked here, until something is asked anew; each look has its own word above. */
  const refused = h("p", { class: "problem", role: "alert" });
  const summary = h("p", { class: "dim" }, "Looking …");
  const boxes = h("div", { class: "rows" });
  const tasks = h("div", { class: "rows" });
  const sum = h("p", { class: "dim small-line" });
  const noTask = h("p", { class: "empty", hidden: true });
  setText(noTask, "No task. Any box that fits takes one: agent-harness run --fleet --project NAME 'what to do'");
  const element = h(
    "main",
    { class: "plain-page wide fleet", id: "main" },
    h("h1", {}, "Fleet"),
    problem,
    refused,
    h("section", { class: "form", "aria-label": "Boxes" }, h("h2", {}, "Boxes"), summary, boxes),
    h("section", { class: "form", "aria-label": "Tasks" }, h("h2", {}, "Tasks"), sum, tasks, noTask),
  );

  /** Where it was asked is this page: its errors stand on top of it. */
  const ask = async (method: "POST" | "DELETE", path: string): Promise<void> => {
    await home.send(method, path);
    // It was done: what cannot be looked at afterwards is told by the looks, not as a refusal.
    await Promise.all([watch.look(), loadTasks().catch(() => undefined)]);
  };
  const tried = (method: "POST", path: string) => (): void => {
    setText(refused, "");
    ask(method, path).catch((error: unknown) => setText(refused, problemText(error)));
  };

  const nodeRows = createKeyed<FleetNode>(boxes, {
    key: ({ name }) => name,
    make: ({ name }) => {
      const path = `/fleet/nodes/${encodeURIComponent(name)}`;
      return createNodeRow(app, name, watch, {
        drain: tried("POST", `${path}/drain`),
        undrain: tried("POST", `${path}/undrain`),
        remove: () =>
          openDialog({
            title: `Take ${name} out of the fleet?`,
            content: h(
              "p",
              {},
              "What the fleet knows of it is forgotten, and its name is free. The box keeps its own.",
            ),
            action: "Take it out",
            danger: true,
            act: () => ask("DELETE", path),
          }),
      });
    },
  });

  const taskRows = createKeyed<Task>(tasks, {
    key: ({ id }) => id,
    make: ({ id }) => {
      const path = `/fleet/tasks/${encodeURIComponent(id)}`;
      return createTaskRow(app, watch, {
        cancel: () =>
          openDialog({
            title: "Cancel this task?",
            content: h("p", {}, "One that waits is gone at once; one that runs is ended by its box."),
            action: "Cancel the task",
            danger: true,
            act: () => ask("POST", `${path}/cancel`),
          }),
        reassign: ({ holder }) =>
          openDialog({
            title: "Give this task to another box?",
            content: h(
              "p",
              {},
              `${holder ?? "The box that has it"} is given up on. When it comes back, the task may have run twice.`,
            ),
            action: "Give it to another",
            danger: true,
            act: () => ask("POST", `${path}/reassign`),
          }),
      });
    },
  });

  async function loadTasks(): Promise<void> {
    const { body } = await home.get(`/fleet/tasks?limit=${TASKS}`);
    const found = readAll(body["tasks"], readTask);
    // What is not over stands first; both newest first, as they came.
    taskRows.update([...found.filter((each) => !isOver(each)), ...found.filter(isOver)]);
    noTask.hidden = found.length > 0;
    const open = found.filter((each) => !isOver(each)).length;
    const more = body["next"] === null ? "" : `, of the newest ${TASKS}`;
    setText(sum, found.length === 0 ? "" : `${open} open, ${found.length - open} over${more}`);
  }

  const show = (wrong: string): void => {
    element.classList.toggle("stale", wrong !== "");
    setText(problem, wrong);
  };
  let looks = 0;
  const update = (): void => {
    const look = ++looks;
    if (watch.problem !== null) return show(watch.problem.message);
    nodeRows.update(watch.nodes);
    const lost = watch.nodes.filter(({ reach }) => reach !== "live").length;
    setText(summary, `${count(watch.nodes.length, "box", "boxes")}${lost === 0 ? "" : `, ${lost} not heard of`}`);
    // It is as fresh as all of it: the database may go between two of its questions.
    const shown = (wrong: string): void => void (look === looks && show(wrong));
    loadTasks().then(
      () => shown(""),
      (error: unknown) => shown(problemText(error)),
    );
  };
  const stop = watch.on(update);
  void watch.look();
  return { element, title: "Fleet", close: stop };
}
