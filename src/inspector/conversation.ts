/**
 * The conversation on screen: the loaded stretches as sections, at most so many of them at once, the reader's place
 * kept by hand, the end followed only by who stands at it.
 */
import type { AppContext } from "./app.ts";
import { createBeside } from "./beside.ts";
import { problemText } from "./client.ts";
import { createKeyed, fill, h, setText } from "./dom.ts";
import type { DrawContext } from "./draw.ts";
import { createLogRow } from "./draw.ts";
import { createFollow } from "./follow.ts";
import type { Chunk } from "./history.ts";
import { createHistory } from "./history.ts";
import type { Message } from "./messages.ts";
import { readMessage, readNote } from "./messages.ts";
import { fields } from "./read.ts";
import type { LogRow } from "./rows.ts";
import { rowsOf } from "./rows.ts";
import { agentHash } from "./route.ts";
import { createStreaming } from "./streaming.ts";
import type { StreamEvent } from "./stream.ts";

export interface Conversation {
  readonly element: HTMLElement;
  /** The newest page, or the one around a message. */
  open(message: number | null): Promise<void>;
  /** Reads again what may have changed while nobody was connected; `whole`: the stream does not tell it either. */
  reload(whole: boolean): Promise<void>;
  take(event: StreamEvent): void;
  toEnd(): void;
  /** To the prompt before (-1) or behind (1) what is on screen. */
  jump(by: -1 | 1): void;
  foldTools(): void;
  close(): void;
}

/** Sections that are laid out at once. */
const MAX_MOUNTED = 10;
/** Characters of those that are not: they are drawn again in the frame in which they come near. */
const MAX_KEPT = 4_000_000;

interface Section {
  readonly chunk: Chunk;
  readonly element: HTMLElement;
  readonly rows: ReturnType<typeof createKeyed<LogRow>>;
  /** Its rows are there; else a space of its height. */
  mounted: boolean;
  height: number;
}

export function createConversation(
  app: AppContext,
  agent: { readonly project: string; readonly id: string },
  sendAgain: (text: string) => void,
): Conversation {
  const { client, store } = app;
  const history = createHistory(client, agent);
  const beside = createBeside(client, agent);
  const sections = new Map<number, Section>();
  let unread = 0;
  let asked = false;
  let closed = false;
  /** What is said while a page is on its way, which may have left without it. */
  let opening: Message[] | null = null;

  const top = h("div", { class: "log-edge dim" });
  const body = h("div", { class: "log-body" });
  const streaming = createStreaming();
  const state = h("p", { class: "empty log-state" });
  const log = h(
    "div",
    { class: "log", role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: "0", id: "log" },
    top,
    body,
    streaming.element,
    state,
  );
  const follow = createFollow(log, () => history.newer);
  const toEndButton = h("button", { class: "to-end", hidden: true, on: { click: () => toEnd() } });
  const element = h("div", { class: "log-frame" }, log, toEndButton);

  const context: DrawContext = {
    now: store.now,
    wholeText: history.whole,
    linkOf: (message) => `${agentHash(agent)}?m=${message}`,
    sendAgain,
  };

  const sectionOf = (chunk: Chunk): Section => {
    let section = sections.get(chunk.key);
    if (section === undefined) {
      const holder = h("section", { class: "chunk" });
      const rows = createKeyed<LogRow>(holder, { key: ({ key }) => key, make: (row) => createLogRow(row, context) });
      sections.set(chunk.key, (section = { chunk, element: holder, rows, mounted: true, height: 0 }));
    }
    return section;
  };

  const draw = (section: Section): void => {
    const { chunk } = section;
    const { messages } = chunk;
    if (messages === null || !section.mounted) {
      section.rows.update([]);
      section.element.style.height = `${section.height}px`;
      return;
    }
    section.element.style.height = "";
    const at = history.chunks.indexOf(chunk);
    const before = history.chunks[at - 1];
    const behind = history.chunks[at + 1];
    const from = before === undefined && !history.older ? 0 : chunk.firstAt;
    const to = behind?.firstAt ?? (history.newer ? chunk.firstAt : Number.POSITIVE_INFINITY);
    const within = (ms: number): boolean => ms >= from && ms < to;
    section.rows.update(
      rowsOf(messages, {
        turns: beside.turns,
        results: history.results,
        permissions: beside.permissions.filter(
          (each) => each.state !== "pending" && within(each.settledAt ?? each.createdAt),
        ),
        notes: [...beside.notes.values()].filter(({ at: ms }) => within(ms)),
        turnBefore: before?.lastTurn ?? (history.older ? undefined : null),
        turnBehind: behind?.firstTurn ?? (history.newer ? undefined : null),
      }),
    );
  };

  /** Draws everything that is loaded, with the reader's place kept. */
  const update = (only?: ReadonlySet<Chunk>): void => {
    if (closed) return;
    const following = follow.isOn();
    const anchor = following ? null : firstVisible();
    const wanted = history.chunks.map(sectionOf);
    const gone = new Set(sections.keys());
    let at = body.firstElementChild;
    for (const section of wanted) {
      gone.delete(section.chunk.key);
      if (only === undefined || only.has(section.chunk)) draw(section);
      if (section.element === at) at = at.nextElementSibling;
      else body.insertBefore(section.element, at);
    }
    for (const key of gone) {
      sections.get(key)?.element.remove();
      sections.delete(key);
    }
    setText(top, history.older ? "Earlier messages …" : "");
    state.hidden = history.chunks.length > 0;
    if (following) follow.toEnd();
    else if (anchor !== null && anchor.element.isConnected)
      follow.moveBy(anchor.element.getBoundingClientRect().top - anchor.top);
    showUnread();
  };

  const firstVisible = (): { element: Element; top: number } | null => {
    const edge = log.getBoundingClientRect().top;
    for (const section of body.children) {
      if (section.getBoundingClientRect().bottom <= edge) continue;
      for (const row of section.children) {
        const box = row.getBoundingClientRect();
        if (box.bottom > edge) return { element: row, top: box.top };
      }
      return { element: section, top: section.getBoundingClientRect().top };
    }
    return null;
  };

  const showUnread = (): void => {
    toEndButton.hidden = follow.isOn() && !history.newer;
    setText(toEndButton, unread > 0 ? `↓ ${unread} new` : "↓ End");
  };

  /** Far sections are let go, near ones fetched, both ends continued two screens before they come into view. */
  const place = async (): Promise<void> => {
    asked = false;
    if (closed) return;
    follow.settle();
    if (follow.isOn()) unread = 0;
    showUnread();
    const screen = log.clientHeight;
    const near = (section: Section): number => {
      const { offsetTop, offsetHeight } = section.element;
      const middle = log.scrollTop + screen / 2;
      return Math.max(0, offsetTop - middle, middle - offsetTop - offsetHeight);
    };
    const all = history.chunks.flatMap((chunk) => sections.get(chunk.key) ?? []);
    const mounted = all.filter((each) => each.mounted);
    const last = all.at(-1);
    if (mounted.length > MAX_MOUNTED) {
      const far = mounted.filter((each) => each !== last).sort((a, b) => near(b) - near(a));
      for (const section of far.slice(0, mounted.length - MAX_MOUNTED)) {
        section.height = section.element.offsetHeight;
        section.mounted = false;
        draw(section);
      }
      letGo(all.filter((each) => !each.mounted).sort((a, b) => near(b) - near(a)));
    }
    const missing = all.filter((each) => !each.mounted && near(each) < 3 * screen);
    mount(missing.filter(({ chunk }) => chunk.messages !== null));
    try {
      for (const section of missing.filter(({ chunk }) => chunk.messages === null && !loading.has(chunk))) {
        loading.add(section.chunk);
        await history.reload(section.chunk).finally(() => loading.delete(section.chunk));
        mount([section]);
      }
      if (history.older && log.scrollTop < 2 * screen && (await history.loadOlder())) {
        await beside.loadTurnOf(history.chunks[0]?.firstTurn ?? null);
        update();
        look();
      }
      if (history.newer && log.scrollHeight - log.scrollTop < 3 * screen && (await history.loadNewer())) {
        update();
        look();
      }
    } catch (error) {
      setText(top, problemText(error));
    }
  };

  const loading = new Set<Chunk>();
  const mount = (some: readonly Section[]): void => {
    for (const section of some) section.mounted = true;
    if (some.length > 0) update(new Set(some.map(({ chunk }) => chunk)));
  };

  /** The farthest first: what is kept of all that is not laid out is bounded. */
  const letGo = (away: readonly Section[]): void => {
    let kept = away.reduce((sum, { chunk }) => sum + (chunk.messages === null ? 0 : chunk.chars), 0);
    for (const { chunk } of away) {
      if (kept <= MAX_KEPT) return;
      if (chunk.messages === null) continue;
      kept -= chunk.chars;
      history.release(chunk);
    }
  };

  const look = (): void => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => void place());
  };
  log.addEventListener("scroll", look, { passive: true });
  const sizes = new ResizeObserver(() => {
    if (follow.isOn()) follow.toEnd();
  });
  sizes.observe(log);

  /** Events come in bursts: drawn once a frame. */
  const stale = new Set<Chunk>();
  let drawing = false;
  const drawSoon = (chunk: Chunk | undefined): void => {
    if (chunk !== undefined) stale.add(chunk);
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      const some = new Set(stale);
      stale.clear();
      update(some);
      if (history.chunks.length > MAX_MOUNTED) look();
    });
  };

  const takeMessage = (message: Message): void => {
    if (message.key !== null) streaming.drop(message.key);
    if (opening !== null) return void opening.push(message);
    const before = history.chunks.at(-1);
    const isNew = before === undefined || message.id > before.lastId;
    if (isNew && !follow.isOn()) unread += 1;
    history.put(message);
    // A result belongs to a call that stands in an earlier stretch, maybe.
    for (const chunk of history.chunks.slice(-2)) drawSoon(chunk);
    if (before !== undefined) drawSoon(before);
  };

  function toEnd(): void {
    if (history.newer) return void open(null);
    follow.set(true);
    unread = 0;
    follow.toEnd();
    showUnread();
  }

  async function open(message: number | null): Promise<void> {
    follow.set(message === null);
    if (history.chunks.length === 0) setText(state, "Loading …");
    opening ??= [];
    try {
      // Of a box that is not heard of only the messages are known.
      const told = beside.load().catch((error: unknown) => {
        if (store.connection.is !== "gone") throw error;
      });
      await Promise.all([history.open(message), told]);
      await beside.loadTurnOf(history.chunks[0]?.firstTurn ?? null);
    } catch (error) {
      setText(state, problemText(error));
      return;
    } finally {
      const said = opening ?? [];
      opening = null;
      for (const each of said) history.put(each);
    }
    setText(state, "Nothing was said yet.");
    update();
    if (message !== null) show(message);
    look();
  }

  const show = (message: number): void => {
    const row = body.querySelector(`[data-row^="m${message}-"], [data-row="m${message}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.classList.add("pointed");
  };

  return {
    element,
    open,
    async reload(whole) {
      if (opening !== null) return;
      if (whole || history.newer || history.chunks.length === 0) return open(null);
      // Only what came since: the stretches that are loaded stay as they are.
      opening = [];
      streaming.retire();
      try {
        const [caughtUp] = await Promise.all([history.catchUp(), beside.load()]);
        streaming.sweep();
        for (const each of opening.splice(0)) history.put(each);
        opening = null;
        if (!caughtUp) return open(null);
      } catch {
        opening = null;
        return; // the connection says so already
      }
      update();
    },
    take(event) {
      const inner = fields(event.data["data"]);
      switch (event.type) {
        case "message": {
          const message = readMessage(inner["message"]);
          if (message !== null) takeMessage(message);
          return;
        }
        case "delta":
          streaming.add(event.data, () => {
            if (follow.isOn()) follow.toEnd();
            else showUnread();
          });
          return;
        case "turn_started":
        case "turn_ended":
          if (event.type === "turn_ended") {
            streaming.retire();
            streaming.sweep();
          }
          void beside
            .loadTurns(null)
            .then(() => update())
            .catch(() => undefined);
          return;
        case "permission_settled":
          void beside
            .load()
            .then(() => update())
            .catch(() => undefined);
          return;
        default: {
          const note = readNote(event.data);
          if (note === null) return;
          beside.notes.set(note.id, note);
          drawSoon(history.chunks.at(-1));
        }
      }
    },
    toEnd,
    jump(by) {
      const edge = log.getBoundingClientRect().top;
      const prompts = [...body.querySelectorAll(".r-user")];
      const places = prompts.map((each) => each.getBoundingClientRect().top - edge);
      const at = by === 1 ? places.findIndex((y) => y > 24) : places.findLastIndex((y) => y < -8);
      const target = prompts[at];
      if (target !== undefined) log.scrollTop += (places[at] ?? 0) - 12;
    },
    foldTools() {
      const all = [...body.querySelectorAll("details")];
      const open = !all.some((each) => each.open);
      for (const each of all) each.open = open;
    },
    close() {
      closed = true;
      sizes.disconnect();
      fill(body);
    },
  };
}
