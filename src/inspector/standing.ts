/**
 * What stands over an agent beside its status: what its check said, which account it waits for, how much of its budget
 * is spent. Loaded for an agent of which there is any of it.
 */
import type { AppContext } from "./app.ts";
import { agentPath, problemText } from "./client.ts";
import { fill, h, setText } from "./dom.ts";
import { amount, count, lasted, moment, money } from "./format.ts";
import { visible } from "./plain.ts";
import { fields, isTrue, list, number, numberOrNull, text, time } from "./read.ts";
import type { Agent } from "./shapes.ts";
import { verdictWords } from "./verdict.ts";

interface Standing {
  readonly scope: string;
  readonly key: string;
  readonly limit: number;
  readonly used: number;
}

export function createStanding(app: AppContext, first: Agent) {
  const { client, store, refresh, link } = app;
  const path = agentPath(first);
  let shown = "";
  const limit = h("div", { class: "banner", role: "status", hidden: true });
  const check = h("details", { class: "verdict", hidden: true });
  const budget = h("div", { class: "budget" });
  const problem = h("p", { class: "problem", role: "alert" });
  const element = h("div", { class: "standing" }, limit, check, budget, problem);

  const skip = h("button", { class: "small" }, "Try now");
  skip.addEventListener("click", async () => {
    skip.disabled = true;
    setText(problem, "");
    try {
      await client.send("POST", `${path}/limit/skip`);
    } catch (error) {
      setText(problem, problemText(error));
    } finally {
      skip.disabled = false;
      refresh.stale({ agent: first.id });
    }
  });
  const accounts = h("button", { class: "small" }, "Accounts …");
  accounts.addEventListener("click", () => void import("./accounts.ts").then(({ showAccounts }) => showAccounts(app)));

  const drawLimit = ({ limit: raw, turn, status }: Agent): void => {
    const { account, scope, message, resumesAt, guessed } = fields(raw);
    const code = turn?.error?.code ?? "";
    const broken = status === "error" && (code === "BILLING" || code === "AUTH_REQUIRED");
    limit.hidden = typeof account !== "string" && !broken;
    if (limit.hidden) return;
    if (broken) {
      const what = code === "BILLING" ? "Its account has to be paid." : "Its account has to be logged in to.";
      fill(
        limit,
        h("span", { class: "grow" }, `${what} Nothing passes by itself: then try the account again.`),
        accounts,
      );
      return;
    }
    const until = time(resumesAt);
    const when = until === null ? "" : ` · until ${moment(until, store.now())}${isTrue(guessed) ? " (guessed)" : ""}`;
    fill(
      limit,
      h(
        "span",
        { class: "grow" },
        h("b", {}, `Waits for the allowance${when}`),
        ` · ${visible(`${text(account)} · ${text(scope)}: ${text(message)}`)}`,
      ),
      skip,
      accounts,
    );
  };

  const drawCheck = ({ turn }: Agent): void => {
    const { passed, tail } = fields(turn?.verify);
    check.hidden = typeof passed !== "boolean";
    if (check.hidden) return;
    check.classList.toggle("bad", !isTrue(passed));
    fill(
      check,
      h("summary", {}, h("b", {}, "Check"), h("span", { class: "cut" }, verdictWords(turn?.verify))),
      h("pre", { class: "wrap inner tail", tabindex: "0" }, visible(text(tail)) || "(it said nothing)"),
    );
  };

  const loadBudget = async (): Promise<void> => {
    try {
      const { body } = await client.get(path);
      fill(budget, list(fields(body["agent"])["standings"]).map(readStanding).map(bar));
    } catch (error) {
      setText(problem, problemText(error));
    }
  };

  const patch = (agent: Agent): void => {
    const now = JSON.stringify([agent.limit, agent.turn?.verify ?? null, agent.turn?.error ?? null, agent.status]);
    if (now === shown) return;
    shown = now;
    drawLimit(agent);
    drawCheck(agent);
    if (agent.budgeted) void loadBudget();
  };
  patch(first);
  const stop = link.onEvent(({ type, data }) => {
    if (data["agent"] === first.id && (type === "agent_budget" || type === "turn_ended") && budget.hasChildNodes())
      void loadBudget();
  });
  return { element, patch, close: stop };
}

function readStanding(value: unknown): Standing {
  const { scope, key, limit, used } = fields(value);
  return { scope: text(scope), key: text(key), limit: number(limit), used: numberOrNull(used) ?? 0 };
}

function bar({ scope, key, limit, used }: Standing): HTMLElement {
  const whose = scope === "day" ? "today, all of the project" : "in its life";
  const words = `${spelled(key, used)} of ${spelled(key, limit)} ${whose}`;
  return h(
    "label",
    { class: used >= limit ? "spent" : "" },
    h("span", { class: "num small-line" }, words),
    h("meter", { min: 0, max: limit, high: limit * 0.8, value: Math.min(used, limit) }),
  );
}

function spelled(key: string, value: number): string {
  if (key === "costUsd") return money(value);
  if (key === "wallMs") return lasted(value);
  return key === "turns" ? count(value, "turn") : `${amount(value)} ${key}`;
}
