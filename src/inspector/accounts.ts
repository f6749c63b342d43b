/** Who pays for the agents: what is used up there, until when, and a person's word that it may be tried again. */
import type { AppContext } from "./app.ts";
import { problemText } from "./client.ts";
import { fill, h, setText } from "./dom.ts";
import { count, moment } from "./format.ts";
import { visible } from "./plain.ts";
import type { Fields } from "./read.ts";
import { fields, list, number, text, time } from "./read.ts";

const WORDS: ReadonlyMap<string, string> = new Map([
  ["limit", "used up"],
  ["billing", "has to be paid"],
  ["auth", "has to be logged in to"],
]);

/** After a try the accounts are looked at again for a while. */
const LOOKS = 20;
const LOOK_MS = 1000;

export function showAccounts({ client, store, refresh }: AppContext): void {
  const problem = h("p", { class: "problem", role: "alert" });
  const rows = h("div", { class: "accounts" }, h("p", { class: "dim" }, "Loading …"));
  const close = h("button", { on: { click: () => dialog.close() } }, "Close");
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "dialog-title" },
    h(
      "div",
      { class: "form" },
      h("h2", { id: "dialog-title" }, "Accounts"),
      problem,
      rows,
      h("div", { class: "acts" }, close),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());

  const load = async (): Promise<void> => {
    try {
      const { body } = await client.get("/accounts");
      const all = list(body["accounts"]).map(fields);
      fill(rows, all.map(row), all.length === 0 && h("p", { class: "empty" }, "No agent has run yet."));
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  const retry = async (name: string): Promise<void> => {
    setText(problem, "");
    try {
      await client.send("POST", `/accounts/${encodeURIComponent(name)}/retry`);
    } catch (error) {
      setText(problem, problemText(error));
    }
    refresh.stale({});
    await load();
    // Whether it is paid for shows only with the first answer.
    for (let n = 0; n < LOOKS && dialog.open; n++) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      await load();
    }
  };

  const row = (account: Fields): HTMLElement => {
    const name = text(account["name"]);
    const limits = list(account["limits"]).map(fields);
    const told = list(account["allowances"]).map(fields);
    return h(
      "section",
      { "data-account": name },
      h("h3", {}, visible(name)),
      h("p", { class: "dim small-line" }, count(list(account["agents"]).length, "agent")),
      limits.map((each) => h("p", { class: "small-line" }, limitLine(each))),
      told.map((each) =>
        h(
          "p",
          { class: "dim small-line num" },
          `${visible(text(each["scope"]))}: ${number(each["usedPercent"])} % used`,
        ),
      ),
      limits.length > 0 &&
        h("button", { class: "small", on: { click: () => void retry(name) } }, "Try the account again"),
    );
  };

  const limitLine = ({ class: kind, scope, message, resumesAt }: Fields): string => {
    const until = time(resumesAt);
    const when = until === null ? "" : `, until ${moment(until, store.now())}`;
    return visible(`${WORDS.get(text(kind)) ?? text(kind)}: ${text(scope)}${when}. ${text(message)}`);
  };

  document.body.append(dialog);
  dialog.showModal();
  void load();
}
