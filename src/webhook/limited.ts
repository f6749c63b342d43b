/**
 * Notices about an account. Whatever many agents meet at once is told once to each destination: a row that is unique
 * for the limit and the destination is stored with the first, and whoever was told that work waits is told when it goes
 * on.
 */
import type { Store } from "../store/database.ts";
import { busyAgentsOf, tellOnce, toldOf } from "../store/limits.ts";
import type { AccountLimit } from "../words/limits.ts";
import type { NoticeEvent } from "../words/notices.ts";

export interface NoticeAccount {
  readonly name: string;
  readonly scope: string;
  readonly resetsAt: string | null;
  readonly resumesAt: string | null;
  readonly guessed: boolean;
  /** How many agents of it have work to do. */
  readonly agents: number;
}

export function accountOf(store: Store, limit: AccountLimit): NoticeAccount {
  const { account: name, scope, guessed } = limit;
  return {
    name,
    scope,
    resetsAt: iso(limit.resetsAt),
    resumesAt: iso(limit.resumesAt),
    guessed,
    agents: busyAgentsOf(store, name),
  };
}

/**
 * Which of these agents is named to which destinations; none, where they know. `agent` is who met it now, and goes to
 * its own destination; the end of a limit goes to all that heard of it, with the name that they have heard.
 */
export function namedIn(
  store: Store,
  event: NoticeEvent,
  limit: AccountLimit,
  agent: string,
  target: string | null,
): readonly { readonly agent: string; readonly target: string }[] {
  if (event === "agent_resumed") return toldOf(store, limit);
  if (target === null || !tellOnce(store, limit, target, agent)) return [];
  return [{ agent, target }];
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
