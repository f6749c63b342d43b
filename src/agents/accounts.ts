/**
 * Who pays for which agent, and what is known to be used up there. Known from its latest run; of an agent that never
 * ran it is looked for only where some account is at its limit, because it reads the program's own files.
 */
import type { Agent } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import { accountsOfAgents, hasLimits, limitsOf } from "../store/limits.ts";
import type { AccountLimit } from "../words/limits.ts";

export interface Standing {
  /** "" = not known. */
  readonly account: string;
  readonly accountLimits: readonly AccountLimit[];
}

export interface Accounts {
  standing(agent: Agent): Standing;
  /** As of the run that is being started. */
  identify(agent: Agent): Promise<string>;
  /** "" = not known. */
  of(agent: Agent): string;
  /** Its settings were changed, or it is gone. */
  forget(agent: string): void;
  /**
   * At boot, before anything that was written meanwhile is read: of all that ran. Of `living` ones it is looked for
   * where it was never stored, because what they have written may be about their account.
   */
  load(living: Iterable<Agent>): Promise<void>;
}

const UNKNOWN: Standing = { account: "", accountLimits: [] };

export interface AccountsDeps {
  readonly store: Store;
  /** Loaded when the first agent is there. */
  readonly loadIdentity: () => Promise<(agent: Agent) => string>;
}

export function createAccounts({ store, loadIdentity }: AccountsDeps): Accounts {
  const known = new Map<string, string>();
  let identity: ((agent: Agent) => string) | null = null;

  const of = (agent: Agent): string => {
    const found = known.get(agent.id);
    if (found !== undefined) return found;
    if (identity === null || !hasLimits(store)) return "";
    const account = identity(agent);
    known.set(agent.id, account);
    return account;
  };

  return {
    of,
    standing(agent) {
      const account = of(agent);
      return account === "" ? UNKNOWN : { account, accountLimits: limitsOf(store, account) };
    },
    async identify(agent) {
      identity ??= await loadIdentity();
      const account = identity(agent);
      known.set(agent.id, account);
      return account;
    },
    forget: (agent) => void known.delete(agent),
    async load(living) {
      for (const { agent, account } of accountsOfAgents(store)) known.set(agent, account);
      identity ??= await loadIdentity();
      for (const agent of living) if (!known.has(agent.id)) known.set(agent.id, identity(agent));
    },
  };
}
