/**
 * The card of one request that waits for a person: everything that is asked, then the answers. It never takes the focus
 * by itself, answers nothing while it has only just appeared, and allows nothing of which the end was not in view.
 */
import type { Decision } from "./answer.ts";
import { sendAnswer, settledText, wasSent } from "./answer.ts";
import type { AppContext } from "./app.ts";
import { createCodeBox, thingBlock } from "./code.ts";
import type { Row } from "./dom.ts";
import { attr, fill, h, setText } from "./dom.ts";
import { age } from "./format.ts";
import { shape } from "./icons.ts";
import { visible } from "./plain.ts";
import { createQuestionForm } from "./question.ts";
import { fields, text } from "./read.ts";
import { readRequest } from "./request.ts";
import { agentHash } from "./route.ts";
import type { Permission } from "./shapes.ts";
import type { Stillness } from "./still.ts";
import { onNode } from "./place.ts";

export interface Card extends Row<Permission> {
  readonly element: HTMLElement;
  /** As if its button were pressed. */
  allow(): void;
  deny(): void;
}

export interface CardOptions {
  readonly app: AppContext;
  readonly permission: Permission;
  readonly still: Stillness;
  /** Names the agent and leads to it. */
  readonly linked: boolean;
  /** A settled one was looked at and is let go. */
  onClose(): void;
}

/** After the rest was shown, a second click of the same hand still means "show". */
const AFTER_SHOWING_MS = 700;

export function createCard({ app, permission: first, still, linked, onClose }: CardOptions): Card {
  const { store, ticker } = app;
  const client = first.node === null ? app.client : app.clientOf(first.node);
  let permission = first;
  let busy = false;
  let shownAt = 0;

  const who = whoOf(first);
  const titleId = `card-${first.node ?? ""}${first.agent}-${first.id}`;
  const since = h("span");
  const problem = h("p", { class: "problem", role: "alert" });
  const state = h("p", { class: "dim", role: "status", hidden: true });
  const acts = h("div", { class: "acts" });
  const content = h("div", { class: "content" });
  const element = h(
    "article",
    { class: "card", role: "group", "aria-labelledby": titleId, "data-permission": first.id },
    h(
      "header",
      {},
      h("span", { class: "status s-waiting" }, shape("waiting"), since),
      linked && h("a", { class: "cut who", href: hrefOf(first) }, who),
    ),
    h("div", { class: "body" }, content, problem, state, acts),
  );

  const send = async (decision: Decision): Promise<void> => {
    if (busy || permission.state !== "pending" || permission.unreachable) return;
    busy = true;
    fill(problem);
    update();
    const failure = await sendAnswer(client, permission, decision, store.now());
    busy = false;
    if (failure !== null) setText(problem, failure);
    update();
    store.mark("permissions"); // the event may have come before the answer
  };

  /** Only what was asked for by a hand that could see it. */
  const meant = (): boolean => still.isStill && performance.now() - shownAt >= AFTER_SHOWING_MS;

  const body = buildBody();
  fill(content, body.nodes);

  function buildBody() {
    const { kind, tool, detail, subagent } = first;
    const asker = subagent === null ? null : h("p", { class: "dim" }, `A sub-agent asks: ${visible(subagent)}`);
    if (kind === "question") {
      const form = createQuestionForm(detail, titleId, (answers) => {
        if (meant()) void send({ decision: "allow", answers });
      });
      return { nodes: [asker, form.element], box: null, form };
    }
    const plan = fields(detail)["plan"];
    const { thing, description, rest } = readRequest(detail);
    const words = kind === "plan" ? "A plan" : visible(tool);
    const written = kind === "plan" && typeof plan === "string" ? plan : null;
    const block = written === null ? thingBlock(thing) : h("div", { class: "say" }, "…");
    const more =
      rest.length > 0 &&
      h(
        "dl",
        { class: "rest" },
        rest.map(([name, value]) => [h("dt", {}, visible(name)), h("dd", {}, visible(value))]),
      );
    const box = createCodeBox(h("div", {}, block, more), `What ${who} asks for`, () => update());
    if (written === null) box.filled();
    else
      void import("./markdown.ts").then(({ renderMarkdown }) => {
        fill(block, renderMarkdown(written));
        box.filled();
      });
    return {
      nodes: [
        asker,
        h(
          "p",
          { class: "what" },
          h("b", { id: titleId }, words),
          " ",
          h("span", { class: "dim" }, visible(description)),
        ),
        box.element,
      ],
      box,
      form: null,
    };
  }

  const reason = h("input", {
    "aria-label": `Why not, for ${who}`,
    placeholder: "Why not? (Enter sends, Esc closes)",
    hidden: true,
    on: {
      keydown(event) {
        if (event.isComposing) return;
        if (event.key === "Enter") {
          event.preventDefault();
          void send({ decision: "deny", ...(reason.value.trim() === "" ? {} : { message: reason.value.trim() }) });
        }
        if (event.key === "Escape") {
          event.stopPropagation();
          reason.hidden = true;
          denyButton.focus();
        }
      },
    },
  });

  const allowWord = h("span");
  const allowButton = h(
    "button",
    { class: "primary", on: { click: () => allow() } },
    allowWord,
    h("kbd", { class: "sc" }, "a"),
  );
  const denyButton = h(
    "button",
    { class: "danger", "aria-label": `Deny ${first.tool} for ${who}`, on: { click: () => deny() } },
    "Deny…",
    h("kbd", { class: "sc" }, "d"),
  );
  const alwaysButton = h(
    "button",
    {
      title: "Allows this same request for as long as the agent lives, as narrowly as its program can",
      on: {
        click() {
          if (!meant()) return;
          if (body.box?.reached === false) showRest();
          else void send({ decision: "allow_always" });
        },
      },
    },
    "Always, for this agent",
  );
  const closeButton = h("button", { class: "quiet", on: { click: onClose } }, "Close");

  const yes = (): Decision["decision"] => (first.options.includes("allow") ? "allow" : "allow_always");

  function showRest(): void {
    shownAt = performance.now();
    body.box?.showRest();
    update();
  }

  function allow(): void {
    if (!meant()) return;
    if (body.form !== null) return body.form.submit();
    if (body.box?.reached === false) showRest();
    else void send({ decision: yes() });
  }

  function deny(): void {
    if (!meant() || busy || permission.state !== "pending") return;
    if (reason.hidden) {
      reason.hidden = false;
      reason.focus();
    } else void send({ decision: "deny", ...(reason.value.trim() === "" ? {} : { message: reason.value.trim() }) });
  }

  function update(): void {
    const pending = permission.state === "pending";
    const answered = wasSent(permission);
    const rest = body.box !== null && !body.box.reached;
    element.classList.toggle("settled", !pending);
    const verb = body.form === null ? (yes() === "allow" ? "Allow" : "Always allow") : "Answer";
    setText(allowWord, rest ? "Show the rest" : verb);
    attr(allowButton, "aria-label", rest ? `Show the rest of what ${who} asks` : `${verb} ${first.tool} for ${who}`);
    const away = pending && permission.unreachable;
    for (const button of [allowButton, denyButton, alwaysButton])
      button.disabled = busy || answered || !pending || away;
    state.hidden = pending && !answered && !away;
    setText(
      state,
      answered
        ? "Sent…"
        : away
          ? `${first.node ?? "Its box"} is not heard of: it cannot be answered now.`
          : pending || problem.textContent !== ""
            ? ""
            : settledText(permission, store.now()),
    );
    tick();
  }

  function tick(): void {
    if (store.connection.is !== "live" && since.textContent !== "") return;
    const waited = age(store.now() - first.createdAt);
    setText(since, `${first.kind === "question" ? "Asks" : "Waits"}${waited === "now" ? " now" : ` ${waited}`}`);
  }

  function buttons(): void {
    fill(
      acts,
      permission.state === "pending"
        ? [
            allowButton,
            denyButton,
            first.options.includes("allow_always") && first.options.includes("allow") && alwaysButton,
            reason,
          ]
        : closeButton,
    );
  }

  const stop = ticker.each(tick);
  buttons();
  update();
  return {
    element,
    allow,
    deny,
    patch(next) {
      if (next === permission) return;
      const before = permission.state;
      permission = next;
      if (before !== next.state) buttons();
      update();
    },
    close() {
      stop();
      body.box?.close();
    },
  };
}

export const whoOf = ({ node, project, agent, agentName }: Permission): string =>
  `${node === null ? "" : `${node}: `}${project}/${agentName ?? agent}`;

/** Where its agent is: maybe on the page of another box. */
export function hrefOf({ node, project, agent }: Permission): string {
  const hash = agentHash({ project, id: agent });
  return node === null ? hash : onNode(node, hash);
}

/** One line for a request that is not opened. */
export const oneLineOf = ({ title, tool }: Permission): string => visible(text(title) || tool);
