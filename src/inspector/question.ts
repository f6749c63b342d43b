/** A question's form: each with its own options as real radio buttons or checkboxes, and a field for another answer. */
import type { Child } from "./dom.ts";
import { h } from "./dom.ts";
import { visible } from "./plain.ts";
import type { Question } from "./request.ts";
import { readQuestions } from "./request.ts";

export interface QuestionForm {
  readonly element: HTMLElement;
  /** Sends what is filled in, or points at what is missing. */
  submit(): void;
}

type Answers = Record<string, string | readonly string[]>;

export function createQuestionForm(
  detail: unknown,
  titleId: string,
  onAnswer: (answers: Answers) => void,
): QuestionForm {
  const parts = readQuestions(detail).map((question, i) =>
    createPart(question, `${titleId}-${i}`, i === 0 ? titleId : null),
  );
  const missing = h("p", { class: "problem", role: "alert" });
  const submit = (): void => {
    const open = parts.find(({ answer }) => answer() === null);
    missing.textContent = open === undefined ? "" : "Choose an answer, or write one.";
    if (open !== undefined) return open.focus();
    onAnswer(Object.fromEntries(parts.map(({ question, answer }) => [question, answer() ?? ""])));
  };
  const element = h(
    "form",
    {
      class: "form",
      on: {
        submit(event) {
          event.preventDefault();
          submit();
        },
      },
    },
    parts.map(({ element }) => element),
    missing,
    // The card's own button sends it; this one is for the Enter key in a field.
    h("button", { type: "submit", hidden: true }),
  );
  return { element, submit };
}

/** What an option says beyond its label. */
function about(option: Question["options"][number] | undefined): Child {
  if (option === undefined || option.description === "" || option.description === option.label) return null;
  return h("span", { class: "dim block" }, visible(option.description));
}

function createPart({ question, header, multiple, options }: Question, name: string, titleId: string | null) {
  const type = multiple ? "checkbox" : "radio";
  const boxes = options.map(({ label }) => h("input", { type, name, value: label }));
  const otherBox = h("input", { type, name, "aria-label": "Another answer" });
  const other = h("input", {
    "aria-label": `Another answer: ${header || question}`,
    placeholder: "Other: …",
    on: { input: () => void (otherBox.checked = other.value.trim() !== "") },
  });
  const element = h(
    "fieldset",
    {},
    h("legend", titleId === null ? {} : { id: titleId }, visible(question)),
    boxes.map((box, i) =>
      h("label", { class: "check" }, box, h("span", {}, visible(options[i]?.label ?? ""), about(options[i]))),
    ),
    h("div", { class: "check other" }, options.length > 0 && otherBox, other),
  );
  return {
    element,
    question,
    focus: () => (boxes[0] ?? other).focus(),
    /** null = nothing chosen. */
    answer(): string | readonly string[] | null {
      const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
      const written = other.value.trim();
      const all = written !== "" && (otherBox.checked || options.length === 0) ? [...chosen, written] : chosen;
      if (all.length === 0) return null;
      return multiple ? all : (all[0] ?? null);
    },
  };
}
