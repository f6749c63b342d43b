/** Rows of the conversation as nodes: one function a kind. What a person unfolded stays unfolded. */
import { settledText } from "./answer.ts";
import { diffBlock } from "./code.ts";
import { copyButton } from "./copy.ts";
import { diffLines } from "./diff.ts";
import type { Child, Row } from "./dom.ts";
import { createKeyed, fill, h } from "./dom.ts";
import { clock, count, day, firstLine, lasted, sameDay, spent } from "./format.ts";
import { shape } from "./icons.ts";
import { renderMarkdown } from "./markdown.ts";
import { outputBlock } from "./output.ts";
import { visible } from "./plain.ts";
import { fields } from "./read.ts";
import { editsOf } from "./request.ts";
import type { Call, LogRow } from "./rows.ts";
import { sameRow } from "./rows.ts";
import type { Turn } from "./shapes.ts";
import { runLine, toolLine } from "./tool-lines.ts";

export interface DrawContext {
  now(): number;
  /** The whole text of a part that came cut. */
  wholeText(message: number, part: string | null): Promise<string>;
  /** Address of a message. */
  linkOf(message: number): string;
  sendAgain(text: string): void;
}

/** A result of so many lines is shown at once. */
const OPEN_RESULT = 12;
/** Edits of so many lines are shown at once. */
const OPEN_EDIT = 30;
const FOLD_EDIT = 400;

export function createLogRow(first: LogRow, context: DrawContext): Row<LogRow> {
  const element = h("div", { class: `log-row r-${first.is}`, "data-row": first.key });
  let now: LogRow | null = null;
  return {
    element,
    patch(row) {
      if (now !== null && sameRow(now, row)) return;
      const opened = [...element.querySelectorAll("details")].map((each) => each.open);
      const before = now;
      now = row;
      fill(element, draw(row, context));
      // A call that fails opens by itself; everything else stays as the person left it.
      if (before !== null && !hasFailed(row))
        element.querySelectorAll("details").forEach((each, i) => (each.open = opened[i] ?? each.open));
    },
  };
}

const hasFailed = (row: LogRow): boolean => row.is === "tool" && row.call.result?.isError === true;

function draw(row: LogRow, context: DrawContext): Child {
  switch (row.is) {
    case "turn":
      return turnLine(row.turn, row.at, context.now());
    case "end":
      return endLine(row.turn, row.silent);
    case "result":
      return folded(
        [
          h("b", {}, "Result"),
          h("span", { class: "status s-idle" }, shape("idle"), "fits its schema"),
          h("span", { class: "cut dim mono" }, visible(row.json.replace(/\s+/g, " ").slice(0, 200))),
        ],
        () =>
          h(
            "div",
            { class: "inner" },
            h("pre", { class: "wrap" }, visible(row.json)),
            h(
              "div",
              {},
              copyButton(() => row.json),
            ),
          ),
        row.json.split("\n").length <= OPEN_RESULT,
      );
    case "user":
      return [
        h("div", { class: "small-line dim" }, `You, ${clock(row.message.at)}`),
        h("div", { class: "verbatim" }, row.text),
        cutNote(row.message.id, row.bytes, context),
      ];
    case "text":
      return [
        h(
          "div",
          { class: "say" },
          row.bytes === null ? renderMarkdown(row.text) : h("div", { class: "verbatim" }, row.text),
        ),
        cutNote(row.message, row.bytes, context),
        h(
          "div",
          { class: "row-acts" },
          copyButton(() => row.text),
          h("a", { class: "quiet small", href: context.linkOf(row.message) }, "Link"),
        ),
      ];
    case "system":
      return h("div", { class: "small-line dim verbatim" }, row.text);
    case "thinking":
      return folded([h("span", { class: "dim" }, `Thought · ${count(row.text.split("\n").length, "line")}`)], () =>
        h("div", { class: "verbatim dim inner" }, row.text),
      );
    case "tool":
      return toolCall(row.call, context);
    case "tools":
      return folded([h("span", { class: "cut" }, runLine(row.calls))], () =>
        h(
          "div",
          { class: "inner run" },
          row.calls.map((call) => toolCall(call, context)),
        ),
      );
    case "subagent":
      return folded(
        [h("b", {}, "Sub-agent"), h("span", { class: "cut dim" }, lastAction(row.rows) || row.name)],
        () => {
          const inner = h("div", { class: "inner rail-in" });
          createKeyed<LogRow>(inner, { key: ({ key }) => key, make: (each) => createLogRow(each, context) }).update(
            row.rows,
          );
          return inner;
        },
      );
    case "settled": {
      const { permission } = row;
      const words = permission.kind === "question" ? "Answered" : permission.state === "allowed" ? "Allowed" : null;
      const how =
        words !== null && permission.settledBy === "user"
          ? `${permission.state === "denied" ? "Denied" : words} by you${permission.settledAt === null ? "" : `, ${clock(permission.settledAt)}`}`
          : permission.settledBy === "user"
            ? `Denied by you${permission.settledAt === null ? "" : `, ${clock(permission.settledAt)}`}`
            : settledText(permission, context.now());
      return h("div", { class: "small-line dim" }, `${how}: ${visible(permission.title || permission.tool)}`);
    }
    case "note":
      return h(
        "div",
        { class: row.warn ? "small-line s-waiting" : "small-line dim" },
        row.times > 1 ? `${row.text} · ${row.times}×` : row.text,
      );
    case "other":
      return h("pre", { class: "wrap faint" }, row.json);
  }
}

function turnLine(turn: Turn | null, at: number, now: number): Child {
  const parts: string[] = [];
  if (turn?.n != null) parts.push(`turn ${turn.n}`);
  parts.push(sameDay(at, now) ? clock(at) : `${day(at)}, ${clock(at)}`);
  if (turn?.origin === "agent") parts.push("began by itself");
  if (turn !== null && turn.endedAt === null) parts.push("not over");
  if (turn !== null && turn.endedAt !== null) parts.push(lasted(turn.endedAt - turn.startedAt));
  if (turn?.usage != null && spent(turn.usage) !== "—") parts.push(spent(turn.usage));
  return h("div", { class: "turn-line num" }, parts.join(" · "));
}

function endLine({ outcome, error }: Turn, silent: boolean): Child {
  if (silent) return h("div", { class: "small-line dim" }, "(the agent said nothing)");
  const failed = outcome === "failed" || outcome === "lost";
  const word = outcome === "interrupted" ? "Aborted" : outcome === "lost" ? "Lost" : "Failed";
  return h(
    "div",
    { class: failed ? "end-line bad" : "end-line" },
    h("span", { class: `status s-${failed ? "error" : "idle"}` }, shape(failed ? "error" : "idle"), word),
    error !== null &&
      h("span", { class: "verbatim" }, [error.code, error.message].filter((each) => each !== "").join(": ")),
  );
}

function toolCall(call: Call, context: DrawContext): Child {
  const { name, input, result, lost } = call;
  const { argument, added, removed } = toolLine(input);
  const failed = result?.isError === true;
  const lines = editsOf(fields(input)).flatMap(({ before, after }) => diffLines(before, after));
  const small = added + removed > 0 && added + removed <= OPEN_EDIT;
  const state = failed
    ? h("span", { class: "status s-error" }, shape("error"), "Failed")
    : result === null
      ? h("span", { class: "dim" }, lost ? "no answer" : "no\u00a0result\u00a0yet")
      : null;
  const change = added + removed > 0 && h("span", { class: "mono dim" }, `+${added} −${removed}`);
  return folded(
    [h("b", {}, visible(name)), h("span", { class: "cut" }, visible(argument)), change, state],
    () =>
      h(
        "div",
        { class: "inner" },
        lines.length > 0 && lines.length <= FOLD_EDIT && diffBlock(lines),
        lines.length > FOLD_EDIT && folded([`${count(lines.length, "line")} of changes`], () => diffBlock(lines)),
        lines.length === 0 && inputBlock(input),
        result !== null &&
          (lines.length === 0 || failed) &&
          outputBlock(result.text, result.bytes, () => context.wholeText(result.message, call.id)),
      ),
    failed || small,
  );
}

function inputBlock(input: unknown): Child {
  const command = fields(input)["command"];
  const text =
    typeof command === "string" ? command : typeof input === "string" ? input : JSON.stringify(input, null, 2);
  return text === undefined || text === "{}" ? null : h("pre", { class: "wrap input" }, visible(text));
}

/** The content is made when it is first looked at. */
function folded(summary: readonly Child[], content: () => HTMLElement, open = false): HTMLElement {
  const details = h("details", {}, h("summary", {}, summary));
  let made = false;
  const make = (): void => {
    if (made || !details.open) return;
    made = true;
    details.append(content());
  };
  details.addEventListener("toggle", make);
  details.open = open;
  make();
  return details;
}

function cutNote(message: number, bytes: number | null, context: DrawContext): Child {
  if (bytes === null) return null;
  return outputBlock("", bytes < 0 ? 0 : bytes, () => context.wholeText(message, null));
}

function lastAction(rows: readonly LogRow[]): string {
  const last = rows.at(-1);
  if (last === undefined) return "";
  if (last.is === "tool") return `${last.call.name} ${toolLine(last.call.input).argument}`;
  if (last.is === "tools") return runLine(last.calls);
  return "text" in last ? firstLine(last.text) : "";
}
