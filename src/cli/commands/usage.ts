/** `usage`: who used what. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { tokensOf } from "../doing.ts";
import { count, costOf } from "../figures.ts";
import { asJson } from "../print.ts";
import type { UsageRowShape, UsageSumShape } from "../shapes.ts";
import { member } from "../shapes.ts";
import { printTable } from "../table.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const query = new URLSearchParams();
  for (const key of ["since", "by"]) {
    const value = args.value(key);
    if (value !== undefined) query.set(key, value.replace("#", ""));
  }
  const answer = await context.client().call(`/api/v1/usage${query.size === 0 ? "" : `?${query}`}`);
  if (asJson(context, answer)) return EXIT.ok;
  const by = args.value("by") ?? "project";
  const rows = member(answer, "usage").map((each) => [nameOf(each), ...figures(each)]);
  const total = io.out.isTty && rows.length > 1 ? [["in all", ...figures(member(answer, "total"))]] : [];
  printTable(
    io.out,
    [
      { head: by.toUpperCase(), whole: true },
      { head: "TURNS", right: true },
      { head: "TOKENS", right: true },
      { head: "OF THEM CACHED", right: true, dropAt: 1 },
      { head: "COST", right: true },
    ],
    [...rows, ...total],
    "nothing was used",
  );
  return EXIT.ok;
}

function nameOf({ key, project, name, account }: UsageRowShape): string {
  if (project) return `${project}/${name ?? key}`;
  return account === null ? `${key || "?"} (account not known)` : key;
}

/** `~`: some of it was never told. */
function figures(sum: UsageSumShape) {
  const tokens = tokensOf(sum) ?? 0;
  const mark = sum.estimated ? "~" : "";
  return [
    { text: String(sum.turns) },
    { text: `${mark}${count(tokens)}`, raw: String(tokens) },
    { text: count(sum.cacheReadTokens), raw: String(sum.cacheReadTokens) },
    { text: `${mark}${costOf(sum)}`, raw: String(sum.costUsd) },
  ];
}
