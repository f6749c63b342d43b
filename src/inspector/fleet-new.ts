/**
 * A task for the pool: any box of the fleet that fits and has room takes it. Its project is one of that name on the box
 * that takes it. Loaded when somebody chooses to give a task to the fleet.
 */
import type { AppContext } from "./app.ts";
import { ApiError, newKey, problemText } from "./client.ts";
import { attr, fill, h, setText } from "./dom.ts";
import { fitWords, readLabels } from "./fleet-fit.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { go } from "./route.ts";

export function createTaskForm(app: AppContext, watch: FleetWatch) {
  const home = app.clientOf(null);
  let key = newKey();
  const problems = new Map<string, HTMLElement>();
  const field = (label: string, path: string, input: HTMLElement, hint: string): HTMLElement => {
    const problem = h("p", { class: "problem", role: "alert" });
    problems.set(path, problem);
    const about = hint !== "" && h("span", { class: "dim small-line" }, hint);
    return h("label", { class: "field" }, h("span", {}, label), input, about, problem);
  };
  const word = (name: string, placeholder: string, list = ""): HTMLInputElement => {
    const input = h("input", { name, placeholder, spellcheck: "false", autocomplete: "off" });
    if (list !== "") attr(input, "list", list);
    return input;
  };

  const project = word("project", "shop", "fleet-projects");
  const task = h("textarea", {
    name: "task",
    rows: 5,
    placeholder: "What should it do? The first box with room begins.",
  });
  const provider = word("provider", "the project's own", "fleet-programs");
  const labels = word("labels", "gpu=a100, os=linux (optional)");
  const projects = h("datalist", { id: "fleet-projects" });
  const programs = h("datalist", { id: "fleet-programs" });
  const fits = h("p", { class: "dim small-line", role: "status" });
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { class: "primary", type: "submit" }, "Give it to the fleet");
  const element = h(
    "form",
    { class: "form create", "aria-label": "New task of the fleet", novalidate: true },
    field("Project", "project", project, "By name: it has to be on the box that takes the task."),
    field("Task", "task", task, ""),
    field("Program", "provider", provider, ""),
    field("Labels that the box must have", "requires.labels", labels, ""),
    projects,
    programs,
    fits,
    problem,
    h("div", { class: "acts" }, submit),
  );

  const draw = (): void => {
    setText(fits, fitWords(watch.nodes, provider.value.trim(), readLabels(labels.value) ?? {}));
    const offer = (list: HTMLElement, names: Iterable<string>): void =>
      fill(
        list,
        [...new Set(names)].sort().map((value) => h("option", { value })),
      );
    offer(projects, app.store.projects.keys());
    offer(
      programs,
      watch.nodes.flatMap((node) => node.providers),
    );
  };

  const clear = (): void => [...problems.values(), problem].forEach((each) => setText(each, ""));
  element.addEventListener("input", () => {
    key = newKey();
    clear();
    draw();
  });
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    clear();
    const needs = readLabels(labels.value);
    if (needs === null) return tell("requires.labels", "expected labels such as gpu=a100, separated by commas");
    if (task.value.trim() === "") return tell("task", "missing: say what it should do");
    submit.disabled = true;
    const program = provider.value.trim();
    const body = {
      project: project.value.trim(),
      task: task.value,
      ...(program === "" ? {} : { provider: program }),
      ...(Object.keys(needs).length === 0 ? {} : { requires: { labels: needs } }),
    };
    try {
      await home.send("POST", "/fleet/tasks", { body, key });
      go("#/fleet");
    } catch (error) {
      const issues = error instanceof ApiError ? error.issues : [];
      for (const { path, message } of issues) tell(path, message);
      if (issues.length === 0) setText(problem, problemText(error));
      submit.disabled = false;
    }
  });

  const tell = (path: string, message: string): void => {
    const at = problems.get(path) ?? problems.get(path.split(".").slice(0, 2).join("."));
    setText(at ?? problem, at === undefined ? `${path}: ${message}` : message);
    at?.parentElement?.querySelector<HTMLElement>("input, textarea")?.focus();
  };

  draw();
  const stops = [watch.on(draw), app.store.on(["projects"], draw)];
  return { element, close: () => stops.forEach((stop) => stop()) };
}
