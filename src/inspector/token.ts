/**
 * The token, kept for this tab or, when the person wants it, on this device. It stands in no address, no log, no title
 * and no attribute; another tab of ours can be asked for it.
 */
import { fields } from "./read.ts";

const KEY = "agent-harness-token";
const CHANNEL = "agent-harness-token";
const OTHER_TAB_MS = 200;

export interface TokenKeeper {
  get(): string | null;
  set(token: string, keep: boolean): void;
  clear(): void;
  /** What another tab has, or null. */
  askOtherTabs(): Promise<string | null>;
}

export function createTokenKeeper(): TokenKeeper {
  let token = stored(() => sessionStorage.getItem(KEY)) ?? stored(() => localStorage.getItem(KEY));
  const channel = new BroadcastChannel(CHANNEL);
  let answered: ((token: string) => void) | null = null;
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    const { ask, token: given } = fields(data);
    if (ask === true && token !== null) channel.postMessage({ token });
    else if (typeof given === "string") answered?.(given);
  };
  return {
    get: () => token,
    set(value, keep) {
      token = value;
      stored(() => sessionStorage.setItem(KEY, value));
      if (keep) stored(() => localStorage.setItem(KEY, value));
    },
    clear() {
      token = null;
      stored(() => sessionStorage.removeItem(KEY));
      stored(() => localStorage.removeItem(KEY));
    },
    askOtherTabs() {
      channel.postMessage({ ask: true });
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(null), OTHER_TAB_MS);
        answered = (given) => {
          clearTimeout(timer);
          resolve(given);
        };
      });
    },
  };
}

/** Storage may be forbidden: then the token lives as long as the page. */
function stored<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
