/** `providers`: the agent programs, and what is missing to use one. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { asJson } from "../print.ts";
import { member } from "../shapes.ts";
import { printTable } from "../table.ts";

/** The first look starts every program once; each has its own deadline, and this is longer than the longest. */
export const LOOK_MS = 90_000;

export async function run(context: Context): Promise<number> {
  const { io } = context;
  const answer = await context.client().call("/api/v1/providers", { timeoutMs: LOOK_MS });
  const providers = member(answer, "providers");
  const code = providers.some(({ available }) => available) ? EXIT.ok : EXIT.error;
  if (asJson(context, answer)) return code;
  printTable(
    io.out,
    [
      { head: "PROVIDER", whole: true },
      { head: "READY" },
      { head: "VERSION", dropAt: 1 },
      { head: "WHAT", shrinkTo: 16 },
    ],
    providers.map(({ name, available, version, login, reason, path }) => [
      name,
      { text: available ? "ready" : "no", style: available ? "green" : "red" },
      version ?? "-",
      available ? (login?.detail ?? path ?? "") : (reason ?? "?"),
    ]),
    "no providers",
  );
  return code;
}
