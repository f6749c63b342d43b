/**
 * What reaches a person who is not looking: the title, the icon, and notifications where they were asked for. Told by
 * one tab only, while it is hidden, once for each thing; never for what was before the page was connected.
 */
import { countNeeds } from "./needs.ts";
import { attr, h, setText } from "./dom.ts";
import type { Link } from "./connection.ts";
import { firstLine } from "./format.ts";
import { nameOf } from "./looks.ts";
import { fields, text } from "./read.ts";
import { agentHash } from "./route.ts";
import { hrefOf } from "./card.ts";
import type { Seen } from "./seen.ts";
import type { Agent, Permission } from "./shapes.ts";
import { readTurn } from "./shapes.ts";
import type { Store } from "./store.ts";
import type { StreamEvent } from "./stream.ts";
import { keyOf, permissionKey } from "./place.ts";

const DWELL_MS = 5000;
const LONG_TURN_MS = 60_000;
const PAUSE_MS = 60_000;
const ON_KEY = "agent-harness-notify";
const MUTED_KEY = "agent-harness-muted";

export interface Notifier {
  /** "off" can be turned on; "insecure" and "denied" cannot, from here. */
  state(): "on" | "off" | "insecure" | "denied";
  turnOn(): Promise<void>;
  turnOff(): void;
  /** The page's own part of the title. */
  setTitle(title: string | null): void;
  /** An agent of another box has begun to wait. */
  waits(permission: Permission): void;
}

/** Whom a notification is about, and where it leads. */
interface About {
  readonly id: string;
  readonly href: string;
}

export function createNotifier(store: Store, link: Link, seen: Seen, icon: HTMLLinkElement): Notifier {
  let title: string | null = null;
  let isTheOne = false;
  const waiting = new Map<string, ReturnType<typeof setTimeout>>();
  const lastAt = new Map<string, number>();

  const drawTitle = (): void => {
    const needs = countNeeds(store, seen);
    const words = title === null ? "agent-harness" : `${title} · agent-harness`;
    const wanted = needs > 0 ? `(${needs}) ${words}` : words;
    if (document.title !== wanted) document.title = wanted;
    const lost =
      store.connection.is !== "live" && store.connection.is !== "connecting" && store.connection.is !== "paused";
    attr(icon, "href", `/inspect/${lost ? "lost" : needs > 0 ? "needed" : "calm"}.svg`);
  };

  const isOn = (): boolean =>
    "Notification" in globalThis && Notification.permission === "granted" && stored(ON_KEY) === "1";

  const tell = ({ id, href }: About, tag: string, heading: string, body: string, always: boolean): void => {
    if (!isOn() || !isTheOne || !document.hidden || isMuted(id)) return;
    const now = Date.now();
    if (!always && now - (lastAt.get(id) ?? 0) < PAUSE_MS) return;
    lastAt.set(id, now);
    const note = new Notification(heading, { body: body.slice(0, 120), tag, icon: "/inspect/icon-192.png" });
    note.onclick = () => {
      window.focus();
      location.assign(href);
      note.close();
    };
  };

  const aboutOf = (agent: Agent): About => ({ id: agent.id, href: agentHash(agent) });

  const asked = (permission: Permission): void => {
    const { agent, agentName, kind } = permission;
    const verb = kind === "question" ? "asks" : "waits for you";
    const about = { id: agent, href: hrefOf(permission) };
    tell(about, keyOf(permission), `${agentName ?? agent} ${verb}`, titleOf(permission), true);
  };

  /** Only what has been open for a while: much is answered by the one who asked for it, at once. */
  const dwell = (key: string): void => {
    waiting.set(
      key,
      setTimeout(() => {
        waiting.delete(key);
        const permission = store.permissions.get(key);
        if (permission?.state === "pending") asked(permission);
      }, DWELL_MS),
    );
  };
  const keyIn = ({ data }: StreamEvent): string =>
    permissionKey(text(data["agent"]), text(fields(fields(data["data"])["permission"])["id"]));

  link.onEvent((event) => {
    // What is older than the page's own look came by replay: it is in the lists, and no news.
    if (Date.parse(text(event.data["at"])) < store.now() - 2 * DWELL_MS) return;
    if (event.type === "permission_requested" && isOn()) dwell(keyIn(event));
    if (event.type === "permission_settled") {
      clearTimeout(waiting.get(keyIn(event)));
      waiting.delete(keyIn(event));
    }
    const agent = store.agents.get(text(event.data["agent"]));
    if (agent === undefined) return;
    if (event.type === "turn_ended") {
      const turn = readTurn(fields(event.data["data"])["turn"]);
      if (turn === null || turn.endedAt === null) return;
      const failed = turn.outcome === "failed" || turn.outcome === "lost";
      if (failed) tell(aboutOf(agent), turn.id, `${nameOf(agent)} failed`, turn.error?.message ?? "", false);
      else if (turn.outcome === "completed" && turn.endedAt - turn.startedAt >= LONG_TURN_MS)
        tell(aboutOf(agent), turn.id, `${nameOf(agent)} is done`, firstLine(agent.activity?.text ?? ""), false);
    }
    if (event.type === "agent_status" && fields(event.data["data"])["to"] === "exited")
      tell(aboutOf(agent), `${agent.id} exited`, `${nameOf(agent)} exited`, agent.cause.detail, false);
  });

  const follow = (): void => {
    link.keepWhileHidden = isOn() && isTheOne;
  };

  store.onMark((topic) => {
    if (topic === "permissions" || topic === "agents" || topic === "connection" || topic === "seen") drawTitle();
  });
  // Held until the tab is gone; the next one in line takes over by itself. Plain http has no locks: each tab is the
  // one.
  if ("locks" in navigator && isSecureContext)
    void navigator.locks.request("agent-harness-notify", () => {
      isTheOne = true;
      follow();
      return new Promise(() => undefined);
    });

  return {
    state() {
      if (!isSecureContext || !("Notification" in globalThis)) return "insecure";
      if (Notification.permission === "denied") return "denied";
      return isOn() ? "on" : "off";
    },
    async turnOn() {
      if ((await Notification.requestPermission()) === "granted") keep(ON_KEY, "1");
      follow();
    },
    turnOff() {
      keep(ON_KEY, null);
      follow();
    },
    waits(permission) {
      if (isOn()) dwell(keyOf(permission));
    },
    setTitle(next) {
      title = next;
      drawTitle();
    },
  };
}

/** Tool and beginning; most titles begin with the tool themselves. */
function titleOf({ tool, title }: Permission): string {
  const words = title.slice(0, 80);
  return words.startsWith(tool) ? words : `${tool}: ${words}`;
}

const mutedAgents = (): string[] => (stored(MUTED_KEY) ?? "").split(" ").filter((each) => each !== "");
export const isMuted = (agent: string): boolean => mutedAgents().includes(agent);

/** In this browser; the agent itself does not know. */
export function mute(agent: string, muted: boolean): void {
  const all = mutedAgents().filter((each) => each !== agent);
  keep(MUTED_KEY, [...all, ...(muted ? [agent] : [])].join(" "));
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** The line that offers notifications, once something has waited. */
export function createNotifyLine(store: Store, notifier: Notifier) {
  const words = h("span", { class: "dim" });
  const button = h("button", { class: "small", on: { click: () => void choose() } });
  const close = h("button", { class: "quiet small", on: { click: () => dismiss() } }, "Not now");
  const element = h("div", { class: "notify-line", hidden: true }, words, button, close);
  let dismissed = stored("agent-harness-notify-line") === "0";
  let waited = false;
  const choose = async (): Promise<void> => {
    await notifier.turnOn();
    update();
  };
  const dismiss = (): void => {
    dismissed = true;
    keep("agent-harness-notify-line", "0");
    update();
  };
  const update = (): void => {
    waited ||= store.permissions.size > 0;
    const state = notifier.state();
    element.hidden = dismissed || !waited || state === "on" || state === "denied";
    button.hidden = state === "insecure";
    setText(button, "Notify me");
    setText(
      words,
      state === "insecure"
        ? "Notifications need https or this machine's own address: come through an SSH tunnel or a TLS proxy."
        : "Be told when something waits and this page is out of sight?",
    );
  };
  update();
  return { element, close: store.on(["permissions"], update) };
}
