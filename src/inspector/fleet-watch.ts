/**
 * What is known of the other boxes while somebody looks: which of them live, and what their agents wait for, which
 * stands with what waits here. Loaded where the daemon belongs to a fleet; another page asks nothing of it.
 */
import type { Client } from "./client.ts";
import { ApiError, problemText } from "./client.ts";
import type { FleetNode } from "./fleet-shapes.ts";
import { readNode, readWaiting } from "./fleet-shapes.ts";
import { textOrNull } from "./read.ts";
import type { Permission } from "./shapes.ts";
import { readAll } from "./shapes.ts";
import type { Store } from "./store.ts";
import { keyOf } from "./place.ts";

export interface FleetWatch {
  /** As they were heard of last. */
  readonly nodes: readonly FleetNode[];
  /** The box that answers; null = not known yet. */
  readonly self: string | null;
  /** Why nothing is known now. */
  readonly problem: ApiError | null;
  look(): Promise<void>;
  /** After each look. */
  on(listener: () => void): () => void;
}

const PAUSE_MS = 3000;
const PAGE = 1000;

export interface WatchOptions {
  readonly store: Store;
  /** The daemon that answers for all. */
  readonly home: Client;
  /** The box that the page is about. */
  readonly node: string | null;
  /** A hidden tab that tells people about things goes on looking. */
  keepWhileHidden(): boolean;
  /** Something has begun to wait since the first look. */
  onWaiting(permission: Permission): void;
}

export function createFleetWatch({ store, home, node, keepWhileHidden, onWaiting }: WatchOptions): FleetWatch {
  const listeners = new Set<() => void>();
  let nodes: readonly FleetNode[] = [];
  let self: string | null = null;
  let looked = false;
  let problem: ApiError | null = null;
  let looking: Promise<void> | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Those of the other boxes; the page's own come with its lists. */
  const put = (found: readonly Permission[]): void => {
    const now = new Map(found.map((each) => [keyOf(each), each]));
    let changed = false;
    for (const [key, known] of store.permissions) {
      if (known.node === null) continue;
      const next = now.get(key);
      if (next === undefined && known.state === "pending") {
        store.permissions.set(key, { ...known, state: "settled", settledBy: "elsewhere" });
        changed = true;
      }
      if (next?.state === known.state && next.unreachable === known.unreachable) now.delete(key);
    }
    for (const [key, each] of now) {
      if (!store.permissions.has(key) && looked) onWaiting(each);
      store.permissions.set(key, each);
    }
    if (changed || now.size > 0) store.mark("permissions");
  };

  /** Nobody can be asked: what is shown stays, and cannot be answered. */
  const loseTouch = (): void =>
    put(
      [...store.permissions.values()].flatMap((each) =>
        each.node !== null && each.state === "pending" ? [{ ...each, unreachable: true }] : [],
      ),
    );

  const read = async (): Promise<void> => {
    try {
      self ??= textOrNull((await home.get("/fleet")).body["node"]);
      const [boxes, waiting] = await Promise.all([
        home.get("/fleet/nodes"),
        home.get(`/fleet/permissions?limit=${PAGE}`),
      ]);
      nodes = readAll(boxes.body["nodes"], readNode);
      problem = null;
      put(readAll(waiting.body["permissions"], readWaiting).filter((each) => each.node !== (node ?? self)));
      looked = true;
    } catch (error) {
      problem = error instanceof ApiError ? error : new ApiError(0, "UNKNOWN", problemText(error));
      loseTouch();
    }
    for (const listener of listeners) listener();
  };

  const later = (): void => {
    clearTimeout(timer);
    if (document.hidden && !keepWhileHidden()) return;
    // Without a token nobody is asked again and again.
    timer = setTimeout(() => (store.connection.is === "token" ? later() : void look()), PAUSE_MS);
  };
  const look = (): Promise<void> => {
    looking ??= read().finally(() => {
      looking = null;
      later();
    });
    return looking;
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void look();
  });

  return {
    get nodes() {
      return nodes;
    },
    get self() {
      return self;
    },
    get problem() {
      return problem;
    },
    look,
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
