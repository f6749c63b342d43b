/** The report of the last hours: its rows are read here, and summed up by `summary.ts`. */
import { isBusy } from "../words/agent.ts";
import { changesSince, deadSince, restartsSince, turnsSince, waitsSince } from "../store/report.ts";
import { usageRows } from "../store/usage.ts";
import type { ApiDeps } from "./deps.ts";
import { sinceMs } from "./since.ts";
import { sumOf } from "./spent.ts";
import type { Present } from "./summary.ts";
import { summaryOf } from "./summary.ts";
import { iso } from "./views.ts";

export function reportAnswer({ store, clock, supervisor }: ApiDeps, text: string): unknown {
  const now = clock.now();
  const since = Math.min(now, sinceMs(store, text, now));
  const used = usageRows(store, since);
  const present = new Map(
    supervisor
      .agents()
      .map(({ id, project, name, state }): [string, Present] => [
        id,
        { project, name, status: state.status, busy: isBusy(state.status), parked: state.turn?.parked ?? [] },
      ]),
  );
  const dead = deadSince(store, since);
  const { agents, restarts } = summaryOf({
    since,
    now,
    present,
    turns: turnsSince(store, since),
    waits: waitsSince(store, since),
    changes: changesSince(store, since),
    dead,
    starts: restartsSince(store, since),
    used,
  });
  return {
    since: iso(since),
    until: iso(now),
    agents: agents.map(({ spent, ...agent }) => ({ ...agent, usage: sumOf(spent) })),
    usage: sumOf(used),
    restarts: restarts.map(({ at, ...restart }) => ({ at: iso(at), ...restart })),
    dead: dead.map((each) => ({ ...each, name: present.get(each.agent ?? "")?.name ?? null, at: iso(each.at) })),
  };
}
