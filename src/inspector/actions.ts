/** What can be done to an agent: only what its status allows is offered. */
import type { AppContext } from "./app.ts";
import { agentPath, problemText } from "./client.ts";
import { copyText } from "./copy.ts";
import { openDialog } from "./dialog.ts";
import { attr, fill, h, setText } from "./dom.ts";
import { isBusy, nameOf } from "./looks.ts";
import { isMuted, mute } from "./notify.ts";
import { agentHash, go } from "./route.ts";
import type { Agent } from "./shapes.ts";

export interface Actions {
  readonly element: HTMLElement;
  readonly problem: HTMLElement;
  patch(agent: Agent): void;
  /** Asks once, then ends the turn. */
  abort(): void;
}

export function createActions({ client, refresh }: AppContext, first: Agent): Actions {
  let agent = first;
  let busy: string | null = null;
  let shown = "";
  const problem = h("p", { class: "problem", role: "alert" });
  const buttons = h("span", { class: "acts" });
  const menu = h("div", { class: "menu", role: "menu", hidden: true });
  const more = h("button", {
    class: "quiet",
    "aria-label": "More actions",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    on: { click: () => (menu.hidden ? openMenu() : closeMenu(true)) },
  });
  setText(more, "⋯");
  const element = h("div", { class: "acts head-acts" }, buttons, h("span", { class: "menu-holder" }, more, menu));

  const post = (what: string, path: string, body?: unknown) => async (): Promise<void> => {
    busy = what;
    setText(problem, "");
    draw();
    try {
      await client.send("POST", `${agentPath(agent)}/${path}`, body === undefined ? {} : { body });
    } catch (error) {
      setText(problem, problemText(error));
    } finally {
      busy = null;
      draw();
      refresh.stale({ agent: agent.id });
    }
  };
  const stop = post("Stopping …", "stop");
  const resume = post("Resuming …", "resume");
  const release = post("Letting it go on …", "inputs/release");
  const abortNow = post("Aborting …", "abort");

  const offered = (): readonly (readonly [label: string, act: () => void])[] => {
    const { status, process, held, queuedInputs } = agent;
    if (isBusy(agent)) return [["Abort turn", abortNow]];
    const found: (readonly [string, () => void])[] = [];
    if (held && queuedInputs > 0) found.push(["Let the queue go on", release]);
    if (status === "exited" || process === "stopped") found.push(["Resume", resume]);
    else if (process === "running") found.push(["Stop", stop]);
    return found;
  };

  const draw = (): void => {
    const all = offered();
    const now = `${busy ?? ""} ${all.map(([label]) => label).join()}`;
    if (now === shown) return;
    shown = now;
    fill(
      buttons,
      busy === null
        ? all.map(([label, click]) => h("button", { on: { click } }, label))
        : h("button", { disabled: true }, busy),
    );
  };

  const openMenu = (): void => {
    const running = agent.process === "running" || isBusy(agent);
    const entries: (readonly [string, () => void])[] = [
      running ? ["Stop the process", () => void stop()] : ["Resume the process", () => void resume()],
      ["Name, model, permissions …", settings],
      isMuted(agent.id)
        ? ["Notify about it again", () => mute(agent.id, false)]
        : ["Mute its notifications", () => mute(agent.id, true)],
      ["Copy link", () => void copyText(location.href.split("#")[0] + agentHash(agent))],
      ["Copy id", () => void copyText(agent.id)],
      ...(agent.session === null ? [] : [["Copy session", () => void copyText(agent.session ?? "")] as const]),
      ["Copy attach command", () => void copyText(`agent-harness attach ${agent.project}/${nameOf(agent)}`)],
      ["Copy last answer", () => void copyLast()],
      ["Copy conversation as Markdown", () => void whole("markdown")],
      ["Download conversation (JSONL)", () => void whole("jsonl")],
      ["Delete …", remove],
    ];
    fill(
      menu,
      entries.map(([label, act]) =>
        h(
          "button",
          {
            class: label === "Delete …" ? "quiet danger" : "quiet",
            role: "menuitem",
            on: {
              click() {
                closeMenu(true);
                act();
              },
            },
          },
          label,
        ),
      ),
    );
    menu.hidden = false;
    attr(more, "aria-expanded", "true");
    menu.querySelector("button")?.focus();
  };
  const closeMenu = (focus: boolean): void => {
    menu.hidden = true;
    attr(more, "aria-expanded", "false");
    if (focus) more.focus();
  };
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenu(true);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const all = [...menu.querySelectorAll("button")];
    const at = all.findIndex((each) => each === document.activeElement);
    all[(at + step + all.length) % all.length]?.focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (!(event.relatedTarget instanceof Node && element.contains(event.relatedTarget))) closeMenu(false);
  });

  const copyLast = async (): Promise<void> => {
    try {
      const { lastAnswer } = await import("./export.ts");
      await copyText(await lastAnswer(client, agent));
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  const whole = async (as: "markdown" | "jsonl"): Promise<void> => {
    try {
      const { conversationAsMarkdown, downloadConversation } = await import("./export.ts");
      if (as === "markdown") await copyText(await conversationAsMarkdown(client, agent));
      else await downloadConversation(client, agent);
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  function settings(): void {
    const name = h("input", { value: agent.name ?? "", placeholder: agent.id });
    const model = h("input", { value: agent.model ?? "", placeholder: "the provider's default" });
    const modes = ["", "ask", "allow", "deny"];
    const mode = h(
      "select",
      {},
      modes.map((each) =>
        h(
          "option",
          { value: each, selected: each === (agent.permissions ?? "") },
          each || "as the project or provider says",
        ),
      ),
    );
    const labelled = (label: string, field: HTMLElement): HTMLElement =>
      h("label", { class: "field" }, h("span", {}, label), field);
    openDialog({
      title: `Settings of ${nameOf(agent)}`,
      content: [labelled("Name", name), labelled("Model", model), labelled("Permissions", mode)],
      action: "Save",
      async act() {
        await client.send("PATCH", agentPath(agent), {
          body: { name: name.value.trim() || null, model: model.value.trim() || null, permissions: mode.value || null },
        });
        refresh.stale({ agent: agent.id });
      },
    });
  }

  function remove(): void {
    const name = nameOf(agent);
    const typed = h("input", { "aria-label": "Its name", autocomplete: "off" });
    const working = isBusy(agent);
    openDialog({
      title: `Delete ${agent.project}/${name}?`,
      content: [
        h(
          "p",
          {},
          "Its process is ended; its conversation, inputs and events are forgotten. What it did to your files stays.",
        ),
        working &&
          h(
            "label",
            { class: "field" },
            h("span", {}, `It is at work. Type ${name} to delete it all the same.`),
            typed,
          ),
      ],
      action: "Delete",
      danger: true,
      ready: () => !working || typed.value === name,
      async act() {
        await client.send("DELETE", agentPath(agent));
        go("#/");
      },
    });
  }

  draw();
  return {
    element,
    problem,
    patch(next) {
      agent = next;
      draw();
    },
    abort() {
      if (!isBusy(agent)) return;
      openDialog({
        title: `Abort the running turn of ${nameOf(agent)}?`,
        content: h("p", {}, "The conversation stays; queued inputs are dropped."),
        action: "Abort turn",
        danger: true,
        act: abortNow,
      });
    },
  };
}
