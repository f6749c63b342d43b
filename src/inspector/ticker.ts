/** The one timer of the page: once a second, only while somebody looks and is connected. Stopped, it is gone. */
import type { Store } from "./store.ts";
import { isConnected } from "./store.ts";

export interface Ticker {
  /** Called each second, and at once after a pause. */
  each(listener: () => void): () => void;
}

export function createTicker(store: Store): Ticker {
  const listeners = new Set<() => void>();
  let timer: ReturnType<typeof setInterval> | undefined;
  const run = (): void => {
    for (const listener of listeners) listener();
  };
  const look = (): void => {
    const wanted = !document.hidden && (isConnected(store) || store.connection.is === "lost");
    if (wanted && timer === undefined) {
      run();
      timer = setInterval(run, 1000);
    } else if (!wanted && timer !== undefined) {
      clearInterval(timer);
      timer = undefined;
    }
  };
  document.addEventListener("visibilitychange", look);
  store.onMark((topic) => {
    if (topic === "connection") look();
  });
  return {
    each(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
