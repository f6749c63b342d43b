/** What the parts of a fleet and its routes work with, and what they say while the database is away. */
import type { ApiDeps } from "../api/deps.ts";
import type { FleetConfig } from "../config/fleet.ts";
import { HarnessError, errorText } from "../lib/errors.ts";
import type { Asker } from "./asker.ts";
import type { Ask, Database } from "./database.ts";
import { DatabaseAway, sqlState } from "./database.ts";
import type { Held } from "./held.ts";
import type { Identity } from "./identity.ts";
import type { Member } from "./member.ts";
import type { Membership } from "./membership.ts";
import type { Mirror } from "./mirror.ts";
import type { Pool } from "./pool.ts";

export interface FleetDeps {
  readonly api: ApiDeps;
  readonly config: FleetConfig;
  readonly database: Database;
  readonly identity: Identity;
  readonly membership: Membership;
  readonly mirror: Mirror;
  readonly asker: Asker;
  readonly pool: Pool;
  readonly held: Held;
  readonly name: string;
}

/** Throws why this box is in no fleet now. */
export function memberOf({ membership }: Pick<FleetDeps, "membership">): Member {
  const member = membership.member();
  if (member !== null) return member;
  throw membership.why ?? new HarnessError("FLEET_AWAY", "this box is not in its fleet now: try again in a moment");
}

const NOT_ALLOWED = "42501";

/** What is asked of the database for somebody who waits: its absence is an answer of ours. */
export async function asking<T>(
  deps: Pick<FleetDeps, "membership" | "database">,
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  memberOf(deps);
  try {
    return await work(deps.database.ask);
  } catch (error) {
    if (sqlState(error) === NOT_ALLOWED)
      throw new HarnessError(
        "FLEET_SCHEMA",
        `the database role of this box lacks a right (${errorText(error)}): agent-harness doctor on this box names all that are missing`,
        { cause: error },
      );
    if (!(error instanceof DatabaseAway)) throw error;
    throw new HarnessError("FLEET_AWAY", `${error.message}: try again in a moment`, {
      cause: error,
      headers: { "Retry-After": "1" },
    });
  }
}
