/** Which sub-agents' sessions are at work: their number is told when it changes. */
import type { Acts } from "./acts.ts";
import type { SessionStatus } from "./wire.ts";

export interface Children {
  heard(session: string, status: SessionStatus): void;
  /** These are at work, and no others. */
  only(statuses: ReadonlyMap<string, SessionStatus>): void;
  /** Cancelled with their parent, whether or not they said so. */
  cancelled(): void;
}

export function createChildren(root: string, { tell }: Acts): Children {
  const busy = new Set<string>();
  const children: Children = {
    heard(session, { type }) {
      const was = busy.size;
      if (type === "idle") busy.delete(session);
      else busy.add(session);
      if (busy.size !== was) tell({ t: "background", tasks: busy.size });
    },
    only(statuses) {
      for (const child of [...busy]) if (!statuses.has(child)) children.heard(child, { type: "idle" });
      for (const [session, status] of statuses) if (session !== root) children.heard(session, status);
    },
    cancelled() {
      if (busy.size === 0) return;
      busy.clear();
      tell({ t: "background", tasks: 0 });
    },
  };
  return children;
}
