/** Texts that were begun and not sent, one for each agent, for as long as the tab lives: also over a reload. */
const PREFIX = "agent-harness-draft ";
const PAUSE_MS = 300;

export interface Drafts {
  get(agent: string): string;
  keep(agent: string, text: string): void;
  /** Only when the daemon has taken it. */
  clear(agent: string): void;
}

export function createDrafts(): Drafts {
  const texts = new Map<string, string>();
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  const write = (agent: string): void => {
    clearTimeout(timers.get(agent));
    timers.delete(agent);
    const text = texts.get(agent) ?? "";
    try {
      if (text === "") sessionStorage.removeItem(PREFIX + agent);
      else sessionStorage.setItem(PREFIX + agent, text);
    } catch {
      // Without storage a draft lives as long as the page.
    }
  };
  addEventListener("pagehide", () => [...timers.keys()].forEach(write));
  return {
    get(agent) {
      try {
        return texts.get(agent) ?? sessionStorage.getItem(PREFIX + agent) ?? "";
      } catch {
        return texts.get(agent) ?? "";
      }
    },
    keep(agent, text) {
      texts.set(agent, text);
      clearTimeout(timers.get(agent));
      timers.set(
        agent,
        setTimeout(() => write(agent), PAUSE_MS),
      );
    },
    clear(agent) {
      texts.set(agent, "");
      write(agent);
    },
  };
}
