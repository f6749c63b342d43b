/**
 * A new agent, and a project where there is none: everything but folder and task has a default, errors stand at fields.
 */
import type { AppContext, Page } from "./app.ts";
import { ApiError, newKey, problemText } from "./client.ts";
import type { Child } from "./dom.ts";
import { fill, h, setText } from "./dom.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { fields, text } from "./read.ts";
import { agentHash, go } from "./route.ts";
import type { Provider } from "./shapes.ts";
import { readAgent, readAll, readProvider } from "./shapes.ts";

export interface FormOptions {
  readonly project: string | null;
  /** The very first agent: says what the two steps are. */
  readonly firstRun: boolean;
}

const MODES = [
  ["", "As the project or provider says", "If neither says anything, it asks."],
  ["ask", "Ask", "A person answers before it changes anything."],
  ["allow", "Allow", "Nothing is asked. For folders that may be changed freely."],
  ["deny", "Deny", "What would be asked is refused, with the reason."],
] as const;

const NEW = "";

export function createForm(app: AppContext, { project: wanted, firstRun }: FormOptions) {
  const { client, store } = app;
  /** The same form sent twice over a bad connection makes one agent. */
  let key = newKey();
  let madeProject: string | null = null;
  const problems = new Map<string, HTMLElement>();
  const problemAt = (path: string): HTMLElement => {
    const element = h("p", { class: "problem", role: "alert" });
    problems.set(path, element);
    return element;
  };
  const field = (label: string, path: string, input: HTMLElement, hint = ""): HTMLElement =>
    h(
      "label",
      { class: "field" },
      h("span", {}, label),
      input,
      hint !== "" && h("span", { class: "dim small-line" }, hint),
      problemAt(path),
    );

  const projects = h("select", { name: "project" });
  const folder = h("input", { name: "cwd", placeholder: "/srv/shop", spellcheck: "false", autocomplete: "off" });
  const projectName = h("input", {
    name: "projectName",
    placeholder: "shop",
    spellcheck: "false",
    autocomplete: "off",
  });
  const newProject = h(
    "div",
    { class: "form" },
    field("Folder", "cwd", folder, "The whole path of a folder on the daemon's machine. It names the project."),
    field("Project's name", "project.name", projectName),
  );
  const providers = h("div", { class: "options" });
  /** Beside the title: below the programs its going would move everything. */
  const search = h("span", { class: "dim small-line" });
  const model = h("input", {
    name: "model",
    list: "models",
    placeholder: "the provider's default",
    spellcheck: "false",
  });
  const models = h("datalist", { id: "models" });
  const modes = MODES.map(([value, label, sentence], i) =>
    option("permissions", value, i === 0, [h("b", {}, label), h("span", { class: "dim block" }, sentence)]),
  );
  const name = h("input", {
    name: "name",
    placeholder: "checkout-fix (optional)",
    spellcheck: "false",
    autocomplete: "off",
  });
  const task = h("textarea", { name: "task", rows: 5, placeholder: "What should it do? It begins at once." });
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { class: "primary", type: "submit" }, "Start the agent");

  const element = h(
    "form",
    { class: "form create", "aria-label": "New agent", novalidate: true },
    firstRun &&
      h(
        "div",
        {},
        h("h2", {}, "Your first agent"),
        h("p", { class: "dim" }, "1. Make a project of a folder. 2. Give an agent in it a task."),
      ),
    field("Project", "project", projects),
    newProject,
    field("Task", "task", task),
    h("fieldset", {}, h("legend", {}, "Program ", search), providers, problemAt("provider")),
    h(
      "details",
      {},
      h("summary", {}, "Model, permissions, name"),
      h(
        "div",
        { class: "form inner" },
        field("Model", "model", model),
        models,
        h(
          "fieldset",
          {},
          h("legend", {}, "Permissions"),
          h("div", { class: "options" }, modes),
          problemAt("permissions"),
        ),
        field("Agent's name", "name", name),
      ),
    ),
    problem,
    h("div", { class: "acts" }, submit),
  );

  const chosen = (group: string): string => {
    const checked = element.querySelector<HTMLInputElement>(`input[name="${group}"]:checked`);
    return checked?.value ?? "";
  };

  const drawProjects = (): void => {
    const before = projects.value || wanted || (store.projects.keys().next().value ?? NEW);
    fill(
      projects,
      [...store.projects.values()].map((each) => h("option", { value: each.name }, `${each.name} — ${each.cwd}`)),
      h("option", { value: NEW }, "New project …"),
    );
    projects.value = store.projects.has(before) ? before : NEW;
    projects.closest("label")?.toggleAttribute("hidden", store.projects.size === 0);
    newProject.hidden = projects.value !== NEW;
  };

  const drawProviders = (all: readonly Provider[], looking: boolean): void => {
    setText(search, looking ? "· looking at them …" : "");
    const before =
      chosen("provider") || store.projects.get(projects.value)?.provider || all.find((each) => each.available)?.name;
    fill(
      providers,
      all.map((each) => {
        const { name: value, version, login, available, reason } = each;
        const details = available
          ? [version, login].filter((word) => word !== null).join(" · ")
          : (reason ?? "cannot be used");
        return option(
          "provider",
          value,
          value === before,
          [h("b", {}, value), h("span", { class: "dim block" }, details)],
          !available,
        );
      }),
      !looking &&
        !all.some((each) => each.available) &&
        h("p", { class: "dim" }, "No program is ready yet: mend one of the reasons above, then reload."),
    );
  };

  const loadProviders = async (): Promise<void> => {
    drawProviders([...store.providers.values()], true);
    try {
      const { body } = await client.get("/providers");
      drawProviders(readAll(body["providers"], readProvider), false);
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  let touched = false;
  projectName.addEventListener("input", () => (touched = true));
  folder.addEventListener("input", () => {
    const last = folder.value.replace(/\/+$/, "").split("/").at(-1) ?? "";
    if (!touched)
      projectName.value = last
        .replace(/[^A-Za-z0-9._-]+/g, "-")
        .replace(/^[^A-Za-z0-9]+/, "")
        .slice(0, 64);
  });
  projects.addEventListener("change", () => (newProject.hidden = projects.value !== NEW));
  element.addEventListener("input", () => (key = newKey()));

  const makeProject = async (): Promise<string> => {
    if (projects.value !== NEW) return projects.value;
    const given = projectName.value.trim();
    if (madeProject === given) return given; // made by an attempt whose agent was refused
    const { body } = await client.send("POST", "/projects", { body: { name: given, cwd: folder.value.trim() } });
    return (madeProject = text(fields(body["project"])["name"]));
  };

  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    for (const each of [...problems.values(), problem]) setText(each, "");
    let asked: "project" | "agent" = "project";
    try {
      const place = await makeProject();
      asked = "agent";
      const body = {
        ...(chosen("provider") === "" ? {} : { provider: chosen("provider") }),
        ...optional("task", task.value),
        ...optional("name", name.value.trim()),
        ...optional("model", model.value.trim()),
        ...optional("permissions", chosen("permissions")),
      };
      const { body: made } = await client.send("POST", `/projects/${encodeURIComponent(place)}/agents`, { body, key });
      const agent = readAgent(made["agent"]);
      if (agent === null) throw new Error("the daemon's answer names no agent");
      store.agents.set(agent.id, agent);
      store.mark("agents");
      go(agentHash(agent));
    } catch (error) {
      tell(error, asked);
      submit.disabled = false;
    }
  });

  const tell = (error: unknown, asked: "project" | "agent"): void => {
    const rest: string[] = [];
    for (const { path, message } of error instanceof ApiError ? error.issues : []) {
      const at = problems.get(asked === "project" && path === "name" ? "project.name" : path);
      if (at === undefined) rest.push(`${path}: ${message}`);
      else setText(at, message);
    }
    const shown = element.querySelector(".field .problem:not(:empty), fieldset .problem:not(:empty)");
    setText(problem, rest.join("; ") || (shown === null ? problemText(error) : ""));
    shown?.closest("details")?.setAttribute("open", "");
    shown?.parentElement?.querySelector<HTMLElement>("input, textarea, select")?.focus();
  };

  drawProjects();
  void loadProviders();
  fill(
    models,
    [...new Set([...store.agents.values()].flatMap(({ model: used }) => used ?? []))].map((each) =>
      h("option", { value: each }),
    ),
  );
  return { element, close: store.on(["projects"], drawProjects) };
}

function option(
  group: string,
  value: string,
  checked: boolean,
  words: readonly Child[],
  disabled = false,
): HTMLElement {
  return h(
    "label",
    { class: "check" },
    h("input", { type: "radio", name: group, value, checked, disabled }),
    h("span", {}, words),
  );
}

const optional = (key: string, value: string): Record<string, string> => (value === "" ? {} : { [key]: value });

/** Where the daemon belongs to a fleet, a task may go to any box of it: that form is loaded when it is chosen. */
export function createNewPage(app: AppContext, project: string | null, joinFleet: () => Promise<FleetWatch>): Page {
  const { store } = app;
  const form = createForm(app, { project, firstRun: false });
  let other: { readonly element: HTMLElement; close(): void } | null = null;
  let closed = false;
  const where = h(
    "select",
    { name: "where" },
    h("option", { value: "" }, app.node ?? "This box"),
    h("option", { value: "fleet" }, "Any box of the fleet that fits and has room"),
  );
  const choice = h("label", { class: "field where", hidden: true }, h("span", {}, "Where"), where);
  const holder = h("div", {}, form.element);
  const element = h("main", { class: "plain-page", id: "main" }, h("h1", {}, "New agent"), choice, holder);

  const put = async (): Promise<void> => {
    if (where.value === "") return fill(holder, form.element);
    try {
      const [{ createTaskForm }, watch] = await Promise.all([import("./fleet-new.ts"), joinFleet()]);
      if (!closed) other ??= createTaskForm(app, watch);
      if (other !== null && where.value !== "") fill(holder, other.element);
    } catch (error) {
      fill(holder, h("p", { class: "problem", role: "alert" }, problemText(error)));
    }
  };
  where.addEventListener("change", () => void put());
  const offer = (): void => void (choice.hidden = store.totals?.fleet !== true);
  offer();
  const stop = store.on(["totals"], offer);
  return {
    element,
    title: "New agent",
    close() {
      closed = true;
      stop();
      form.close();
      other?.close();
    },
  };
}
