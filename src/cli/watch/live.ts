/** `ps --watch` on a terminal: drawn from the event stream, at most four frames a second. */
import { decide } from "../answers.ts";
import type { Asked } from "../asks.ts";
import { askedOfAll } from "../asks.ts";
import { painter } from "../colours.ts";
import type { Context } from "../command.ts";
import { run as followLogs } from "../commands/logs.ts";
import { EXIT } from "../../words/exits.ts";
import { askPerson } from "../run/ask.ts";
import { COLUMNS, queryOf, rowOf, sorted } from "../listing.ts";
import { allAgents, nameOf, pathOf } from "../shapes.ts";
import { layTable } from "../table.ts";
import { follow } from "../stream.ts";
import { openTerminal, tapKeys } from "../tty.ts";
import { keysOf } from "./keys.ts";
import type { WatchModel } from "./model.ts";
import { frameOf, selectedAgent, shownAgents } from "./model.ts";
import { openFullScreen } from "./screen.ts";

const FRAME_MS = 250;
const TYPES = ["agent_status", "agent_created", "agent_updated", "agent_deleted", "turn_started", "turn_ended"];

export async function watchScreen(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  let model: WatchModel = { agents: [], asked: [], selected: 0, filter: "", typing: null, connected: true };
  let dirty = true;
  const load = async (): Promise<void> => {
    dirty = false;
    const agents = sorted(await allAgents(client, queryOf(context)), args.value("sort"));
    const waits = agents.some(({ pendingPermissions }) => pendingPermissions > 0);
    model = { ...model, agents, asked: waits ? await askedOfAll(client, "pending") : [], connected: true };
  };
  await load();
  const stop = new AbortController();
  const screen = openFullScreen(io.out);
  let away = false;
  const draw = (): void => {
    if (away) return;
    const { width, height, colours } = io.out;
    const size = { width: width(), height: height() };
    screen.draw(
      frameOf(model, { ...size, now: Date.now(), colours, paint: painter(io.out), columns: COLUMNS, row: rowOf }),
    );
  };
  const timer = setInterval(() => {
    if (!dirty) return draw(); // the clock and the times go on
    void load().then(draw, () => (model = { ...model, connected: false }));
  }, FRAME_MS);
  process.on("SIGWINCH", draw);

  /** In the normal screen, with a terminal that reads lines. */
  const outside = async (work: () => Promise<void>): Promise<void> => {
    away = true;
    screen.leave();
    try {
      await work();
    } catch (error) {
      io.warn(error instanceof Error ? error.message : String(error));
      await Bun.sleep(1500);
    }
    screen.enter();
    away = false;
    dirty = true;
  };
  const withTerminal = (work: (ask: (prompt: string) => Promise<string | null>) => Promise<void>) =>
    outside(async () => {
      const terminal = openTerminal(io.err.write, () => undefined);
      if (terminal === null) return;
      try {
        await work((prompt) => terminal.line(prompt));
      } finally {
        terminal.close();
      }
    });
  const answer = (request: Asked): Promise<void> =>
    outside(async () => {
      const terminal = openTerminal(io.err.write, () => undefined);
      if (terminal === null) return;
      try {
        const decided = await askPerson(request, io.err, terminal, new AbortController().signal);
        if (decided !== null) await decide(client, request, decided);
      } finally {
        terminal.close();
      }
    });

  const act = async (key: string): Promise<void> => {
    const agent = selectedAgent(model);
    if (agent === undefined) return;
    const request = model.asked.find((each) => each.agent === agent.id);
    if (key === "a" && request !== undefined) return answer(request);
    if (key === "d" && request !== undefined)
      return withTerminal(async (ask) => {
        const reason = await ask(`deny ${nameOf(agent)} ${request.id} (reason, or empty; Ctrl-D leaves it): `);
        if (reason === null) return;
        await decide(client, request, {
          decision: "deny",
          ...(reason.trim() === "" ? {} : { message: reason.trim() }),
        });
      });
    if (key === "x")
      return withTerminal(async (ask) => {
        const sure = await ask(`abort the turn of ${nameOf(agent)}? [y/N] `);
        if (/^y(es)?$/i.test(sure?.trim() ?? ""))
          await client.call(`/api/v1${pathOf(agent)}/abort`, { method: "POST", timeoutMs: 15_000 });
      });
    if (key === "enter")
      return outside(async () => {
        const back = new AbortController();
        const own: Context = {
          ...context,
          signal: back.signal,
          args: { ...args, words: [nameOf(agent)], has: (flag) => flag === "follow", value: () => undefined },
        };
        const quitter = tapKeys((text) => {
          if (keysOf(text).some((each) => each.key === "interrupt" || (each.key === "char" && each.char === "q")))
            back.abort();
        });
        await followLogs(own).finally(quitter.close);
      });
  };
  const typed = (text: string): void => {
    for (const key of away ? [] : keysOf(text)) {
      const { typing, selected } = model;
      if (key.key === "interrupt") stop.abort();
      else if (typing !== null) {
        if (key.key === "enter") model = { ...model, filter: typing, typing: null, selected: 0 };
        else if (key.key === "escape") model = { ...model, typing: null };
        else if (key.key === "backspace") model = { ...model, typing: typing.slice(0, -1) };
        else if (key.key === "char") model = { ...model, typing: typing + key.char };
      } else if (key.key === "up") model = { ...model, selected: Math.max(0, selected - 1) };
      else if (key.key === "down")
        model = { ...model, selected: Math.min(shownAgents(model).length - 1, selected + 1) };
      else if (key.key === "enter") void act("enter");
      else if (key.key === "char" && key.char === "q") stop.abort();
      else if (key.key === "char" && key.char === "/") model = { ...model, typing: "" };
      else if (key.key === "char") void act(key.char);
      draw();
    }
  };
  const keyboard = tapKeys(typed);
  try {
    draw();
    const quiet = { ...io, warn: () => (model = { ...model, connected: false }) };
    const events = follow(client, quiet, {
      path: "/events",
      types: [...TYPES, "permission_requested", "permission_settled", "activity"],
      signal: stop.signal,
      reconnectMs: args.duration("reconnect"),
      opened: () => void (dirty = true),
    });
    for await (const _ of events) dirty = true;
  } finally {
    clearInterval(timer);
    process.off("SIGWINCH", draw);
    keyboard.close();
    screen.leave();
  }
  const rows = model.agents.map((agent) => rowOf(agent, undefined, Date.now()));
  if (rows.length > 0) io.out.write(`${layTable(COLUMNS, rows, io.out.width(), io.out.colours).join("\n")}\n`);
  return EXIT.ok;
}
