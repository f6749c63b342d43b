/**
 * Keeps the store true: lists first, then the one stream from where the lists ended; lost, it says since when, tries
 * again, and lets the next lists win over everything remembered. Never claims to be live when it is not.
 */
import type { Client } from "./client.ts";
import { ApiError } from "./client.ts";
import { LIST_TYPES, applyEvent } from "./events.ts";
import { number } from "./read.ts";
import type { Refresh } from "./refresh.ts";
import type { Connection, Store } from "./store.ts";
import type { StreamEvent } from "./stream.ts";
import { readStream } from "./stream.ts";

export interface Link {
  start(): void;
  /** Everything of this agent comes too; null = of none. */
  follow(agent: string | null): void;
  /** Stops waiting. */
  tryNow(): void;
  /** Every event as it comes, those of the followed agent included. */
  onEvent(listener: (event: StreamEvent) => void): () => void;
  /** Connected again; `cut`: events that were missed are no longer kept. What was read page by page is read again. */
  onReload(listener: (cut: boolean) => void): () => void;
  /** A tab that tells people about things keeps its stream while it is hidden. */
  keepWhileHidden: boolean;
}

/** Another box: followed by what the fleet knows of it, and asked through this one. */
export interface Source {
  readonly client: Client;
  /** Since when nothing was heard of it, and then the store has what was known; null = it is there. Throws ApiError. */
  remembered(): Promise<number | null>;
  /** Where its events come, from now on. */
  path(followed: string | null): string;
  /** Its own number of an event. */
  idOf(event: StreamEvent): number;
  /** It is no longer there, or is there again. */
  onTurn(listener: () => void): void;
}

const LOOK_AGAIN_MS = 5000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15_000] as const;
const HIDDEN_MS = 60_000;

export interface LinkOptions {
  readonly store: Store;
  readonly client: Client;
  readonly refresh: Refresh;
  readonly node: string | null;
  /** Of the node: loaded where the page is about one. */
  readonly source: (() => Promise<Source>) | null;
}

export function createLink({ store, client, refresh, node, source: load }: LinkOptions): Link {
  let source: Source | null = null;
  const listeners = new Set<(event: StreamEvent) => void>();
  const reloaders = new Set<(cut: boolean) => void>();
  let lastId: number | null = null;
  /** Events up to this one are in the lists already. */
  let listCursor = 0;
  let lastByteAt = 0;
  let followed: string | null = null;
  let stream = new AbortController();
  let switching = false;
  let failures = 0;
  let wake = (): void => {};
  let hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  let paused = false;

  const become = (connection: Connection): void => {
    store.connection = connection;
    store.mark("connection");
  };

  const take = (events: readonly StreamEvent[]): void => {
    for (const sent of events) {
      const event = source === null ? sent : { ...sent, id: source.idOf(sent) };
      if (event.type === "reset") {
        lastId = number(event.data["oldest"]) - 1;
        for (const reload of reloaders) reload(true);
        continue;
      }
      if (event.id !== null) {
        if (lastId !== null && event.id <= lastId) continue;
        lastId = event.id;
      }
      if (event.id === null || event.id > listCursor)
        refresh.stale(applyEvent(store, event, refresh.knows(event)), event);
      for (const listener of listeners) listener(event);
    }
  };

  const reopen = (): void => {
    switching = true;
    stream.abort();
  };

  const openStream = async (switched: boolean): Promise<void> => {
    const asked = followed;
    const whole = asked === null ? "" : `&whole=${asked}`;
    const types = LIST_TYPES.join(",");
    stream = new AbortController();
    const { signal } = stream;
    await readStream({
      client: source?.client ?? client,
      path: source?.path(asked) ?? `/events?types=${types}${whole}&since=${lastId ?? listCursor}`,
      signal,
      onOpen() {
        failures = 0;
        lastByteAt = store.present();
        if (store.connection.is !== "live") become({ is: "live" });
        // An agent that came on screen while the stream was being opened: this one does not tell of it.
        if (followed !== asked) return reopen();
        // What the new agent said before the stream told of it: events behind it may have come already.
        if (switched) for (const reload of reloaders) reload(false);
        // A stream that begins now says nothing of what came between the lists and it.
        if (source !== null) void lists().catch(() => !signal.aborted && stream.abort());
      },
      onBytes: () => (lastByteAt = store.present()),
      onEvents: take,
    });
  };

  const lists = async (): Promise<void> => {
    listCursor = await refresh.all();
    lastId ??= listCursor;
    for (const reload of reloaders) reload(false);
  };

  /** false: there is nobody to follow. */
  const isThere = async (): Promise<boolean> => {
    const since = (await source?.remembered()) ?? null;
    if (since === null) return true;
    become({ is: "gone", node: node ?? "", since });
    for (const reload of reloaders) reload(false);
    return false;
  };

  const attempt = async (): Promise<void> => {
    if (!(await isThere())) return waitFor(document.hidden ? null : LOOK_AGAIN_MS);
    if (source !== null) lastId = null; // its store may be another one by now
    if (!switching) await lists();
    const switched = switching;
    switching = false;
    await openStream(switched);
  };

  const waitFor = (ms: number | null): Promise<void> =>
    new Promise((resolve) => {
      const timer = ms === null ? undefined : setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const afterFailure = async (error: unknown): Promise<void> => {
    const status = error instanceof ApiError ? error.status : 0;
    const message = error instanceof Error ? error.message : "";
    if (status === 401 || status === 429) return waitForToken(message);
    if (status === 503 && message.includes("looking at")) {
      become({ is: "starting" });
      return waitFor(1000);
    }
    const base = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 15_000;
    failures += 1;
    const delay = base * (0.8 + Math.random() * 0.4);
    const before = store.connection;
    const since = before.is === "lost" ? before.since : lastByteAt || store.present();
    // What is wrong with another box is said in words; of this one the page knows it itself.
    if (status === 403 || (source !== null && status > 0)) become({ is: "refused", message });
    else become({ is: "lost", since, retryAt: store.present() + delay });
    await waitFor(document.hidden ? null : delay);
  };

  const waitForToken = (message: string): Promise<void> => {
    become({ is: "token", message: message === "" ? null : message });
    return waitFor(null);
  };

  const run = async (): Promise<never> => {
    for (;;) {
      let failure: unknown = null;
      try {
        await attempt();
      } catch (error) {
        failure = error;
      }
      if (failure instanceof ApiError) switching = false;
      if (switching || (failure === null && store.connection.is === "gone")) continue;
      if (paused) {
        become({ is: "paused" });
        await waitFor(null);
      } else await afterFailure(failure);
    }
  };

  const onVisible = (): void => {
    clearTimeout(hiddenTimer);
    if (document.hidden) {
      hiddenTimer = setTimeout(() => {
        if (link.keepWhileHidden) return;
        paused = true;
        stream.abort();
      }, HIDDEN_MS);
      return;
    }
    if (paused) become({ is: "connecting" });
    paused = false;
    wake();
  };

  /** Its part of the page may be as far away as the daemon is. */
  const loadSource = async (): Promise<void> => {
    while (load !== null && source === null) {
      try {
        source = await load();
      } catch {
        await afterFailure(null);
      }
    }
    source?.onTurn(() => {
      if (store.connection.is === "live") reopen();
      else if (store.connection.is === "gone") wake();
    });
  };

  const link: Link = {
    keepWhileHidden: false,
    start() {
      document.addEventListener("visibilitychange", onVisible);
      addEventListener("online", () => wake());
      void loadSource().then(run);
    },
    follow(agent) {
      if (agent === followed) return;
      followed = agent;
      // One that is being opened looks itself, once it is open, whether it was asked for this agent.
      if (store.connection.is === "live") reopen();
    },
    tryNow: () => wake(),
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onReload(reload) {
      reloaders.add(reload);
      return () => reloaders.delete(reload);
    },
  };
  return link;
}
