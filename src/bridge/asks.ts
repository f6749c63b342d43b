/**
 * Questions of the server that wait for an answer: each told once when it is asked, once when it is settled. Those of a
 * sub-agent can be in the way of an abort; whether one is due, the core knows.
 */
import type { Acts } from "./acts.ts";
import type { WireAsk } from "./wire.ts";

export interface Asks {
  /**
   * Told, unless it is known already. `dismissing`: nobody will answer what a sub-agent asks from here on. True: it was
   * dismissed.
   */
  asked(ask: WireAsk, dismissing: boolean): boolean;
  settled(id: string): void;
  /** These wait, and no others. True: one was dismissed. */
  only(pending: readonly WireAsk[], dismissing: boolean): boolean;
  /** Of sub-agents; their ends are told when the server settles them. True: there were some. */
  dismissChildren(): boolean;
  /** Nothing waits for an answer any more. */
  drop(): void;
}

export function createAsks(root: string, { tell, act }: Acts): Asks {
  const open = new Map<string, WireAsk>();
  const asks: Asks = {
    asked(ask, dismissing) {
      if (open.has(ask.id)) return false;
      open.set(ask.id, ask);
      const child = ask.session === root ? null : ask.session;
      if (dismissing && child !== null) {
        act({ do: "dismiss", ask });
        return true;
      }
      const { request } = ask;
      tell(
        request.kind === "permission"
          ? { t: "asked", ask: { ...request.asked, child } }
          : { t: "question", id: ask.id, questions: request.questions, child },
      );
      return false;
    },
    settled(id) {
      if (open.delete(id)) tell({ t: "closed", id });
    },
    only(pending, dismissing) {
      for (const id of [...open.keys()]) if (!pending.some((each) => each.id === id)) asks.settled(id);
      return pending.map((ask) => asks.asked(ask, dismissing)).includes(true);
    },
    dismissChildren() {
      const children = [...open.values()].filter(({ session }) => session !== root);
      for (const ask of children) act({ do: "dismiss", ask });
      return children.length > 0;
    },
    drop() {
      for (const ask of [...open.values()]) {
        act({ do: "dismiss", ask });
        asks.settled(ask.id);
      }
    },
  };
  return asks;
}
