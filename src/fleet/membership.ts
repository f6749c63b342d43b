/**
 * This box as a node: joins when the database can be reached, beats while it is one, and knows when it is none any
 * more. Whatever happens to the database, the box itself goes on; nothing here is waited for by anybody.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import { HarnessError, errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/database.ts";
import type { Database } from "./database.ts";
import { DatabaseAway } from "./database.ts";
import type { Identity } from "./identity.ts";
import { addSession, foundRestored, keepSession, markOf, noteRestored, saveMark } from "./identity.ts";
import type { Member } from "./member.ts";
import type { NodeCard } from "./registry.ts";
import { beat, join, showAbilities } from "./registry.ts";
import { rightsOf } from "./rights.ts";
import { usableSchema } from "./schema.ts";
import type { Turns } from "./turns.ts";
import { vouch } from "./vouch.ts";

export interface Membership {
  /** null: not in the fleet now. */
  member(): Member | null;
  /** Why not, in words for people. */
  readonly why: HarnessError | null;
  /** The database knows us as a node, since a moment ago or again. */
  onJoin(listener: (member: Member) => void): void;
  start(): void;
  stop(): void;
}

export interface MembershipDeps {
  readonly database: Database;
  readonly schema: string;
  /** It logs in as a role of its own, and means it. */
  readonly ownRole: boolean;
  readonly store: Store;
  readonly identity: Identity;
  /** Nobody acts on tasks read before while we vouch for the database. */
  readonly turns: Turns;
  readonly card: () => NodeCard;
  readonly pulse: () => { readonly busy: number; readonly ready: boolean };
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 1000;
/** Remembered so often: what the database was known to have may be so much more. */
const REMEMBER_MS = 60_000;

export function createMembership(deps: MembershipDeps): Membership {
  const { database, store, clock, log } = deps;
  const listeners = new Set<(member: Member) => void>();
  const { session } = deps.card();
  let member: Member | null = null;
  let why: HarnessError | null = new HarnessError("FLEET_AWAY", "this box has not joined its fleet yet: try again");
  let told = "";
  let timer: Timer | null = null;
  let stopped = false;
  /** Somebody took our place: coming back by ourselves would only take it back, for ever. */
  let over = false;
  let rememberedAt = clock.monotonic();
  let vouching = false;

  const refused = (error: unknown): void => {
    member = null;
    if (error instanceof DatabaseAway) {
      why = new HarnessError("FLEET_AWAY", "the fleet's database does not answer: try again in a moment", {
        cause: error,
      });
      return; // the door has told it
    }
    why = error instanceof HarnessError ? error : new HarnessError("FLEET_SCHEMA", errorText(error), { cause: error });
    if (told !== why.message) log.warn("not in the fleet, this box serves its own agents", { why: why.message });
    told = why.message;
  };

  const vouched = (me: Pick<Member, "no" | "session">): Promise<number> =>
    deps.turns(() => vouch({ ask: database.ask, store, log }, me));

  /** A node beats on while it reads what the database has. */
  const vouchBeside = (me: Member): void => {
    if (vouching) return;
    vouching = true;
    vouched(me)
      .catch((error: unknown) => {
        if (!(error instanceof DatabaseAway) && !stopped) log.error("cannot vouch for the fleet's database", { error });
      })
      .finally(() => (vouching = false)); // the next beat says whether it is to be tried again
  };

  const enter = async (): Promise<void> => {
    const meta = await usableSchema(database, deps.schema);
    const card = deps.card();
    addSession(store, session);
    const { no, beat: first } = await join(database, meta, card, deps.identity.sessions);
    keepSession(store, session);
    if (first <= markOf(store) && !foundRestored(store)) noteRestored(store);
    const mark = await vouched({ no, session });
    rememberedAt = clock.monotonic();
    if (stopped) return;
    if (deps.ownRole && (await rightsOf(database.ask, deps.schema)).unbound)
      log.warn("fleet.roles is perNode, and this box logs in as a role that no rule about rows holds", {});
    member = { no, session, name: card.name, meta, mark };
    why = null;
    told = "";
    log.info("joined the fleet", { node: card.name, schema: meta.schema });
    for (const each of listeners) each(member);
  };

  const once = async (): Promise<void> => {
    if (member === null) return await enter();
    const heard = await beat(database.ask, member.meta, { ...member, uuid: deps.identity.uuid }, deps.pulse());
    if (heard.type === "forgotten") {
      member = null;
      noteRestored(store);
      return await enter();
    }
    if (heard.type === "taken") {
      over = true;
      throw new HarnessError(
        "FLEET_REFUSED",
        "another daemon has taken this box's place in the fleet: is there a copy of its state folder? This one serves its own agents alone until it is started again",
      );
    }
    member = { ...member, mark: heard.beat };
    if (!heard.vouched) vouchBeside(member);
    else if (clock.monotonic() - rememberedAt > REMEMBER_MS) {
      rememberedAt = clock.monotonic();
      saveMark(store, heard.beat);
    }
    await showAbilities(database.ask, member, deps.card());
  };

  const loop = async (): Promise<void> => {
    let pauseMs = RETRY_MS;
    try {
      await once();
      pauseMs = (member as Member | null)?.meta.beatMs ?? RETRY_MS;
    } catch (error) {
      // A beat that nobody heard is made up for by the next one: who is a node stays one while the database is away.
      if (!(error instanceof DatabaseAway) || member === null) refused(error);
    }
    if (!stopped && !over) timer = clock.setTimer(pauseMs, () => void loop());
  };

  return {
    member: () => member,
    get why() {
      return why;
    },
    onJoin: (listener) => void listeners.add(listener),
    start: () => void loop(),
    stop() {
      stopped = true;
      timer?.cancel();
      if (member !== null) saveMark(store, member.mark);
    },
  };
}
