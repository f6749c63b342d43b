/** What `ps --watch` knows and shows. Pure: agents and keys in, lines out. */
import type { Asked } from "../asks.ts";
import type { Paint } from "../colours.ts";
import { money, timeOfDay } from "../figures.ts";
import type { AgentShape } from "../shapes.ts";
import { nameOf } from "../shapes.ts";
import type { Cell, Column } from "../table.ts";
import { layTable } from "../table.ts";
import { fit, pad } from "../text.ts";

export interface WatchModel {
  readonly agents: readonly AgentShape[];
  readonly asked: readonly Asked[];
  /** Index in what is shown. */
  readonly selected: number;
  readonly filter: string;
  /** null, or what is typed into the last line. */
  readonly typing: string | null;
  readonly connected: boolean;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly now: number;
  readonly colours: boolean;
  readonly paint: Paint;
  readonly columns: readonly Column[];
  readonly row: (agent: AgentShape, asked: Asked | undefined, now: number) => readonly (Cell | string)[];
}

const KEYS = "↑↓ select  Enter logs  a answer  d deny  x abort  / filter  q quit";

export const shownAgents = ({ agents, filter }: WatchModel): readonly AgentShape[] =>
  filter === "" ? agents : agents.filter((agent) => nameOf(agent).includes(filter));

export const selectedAgent = (model: WatchModel): AgentShape | undefined =>
  shownAgents(model)[Math.min(model.selected, shownAgents(model).length - 1)];

/** As many lines as the window has, none wider. */
export function frameOf(model: WatchModel, frame: Frame): string[] {
  const { width, height, now, paint } = frame;
  const shown = shownAgents(model);
  const selected = Math.min(model.selected, Math.max(0, shown.length - 1));
  const room = Math.max(1, height - 4);
  const from = Math.max(0, Math.min(selected - room + 1, shown.length - room));
  const visible = shown.slice(from, from + room);
  const rows = visible.map((agent) => {
    const asked = model.asked.find((each) => each.agent === agent.id);
    const [name, ...rest] = frame.row(agent, asked, now);
    return [`${agent === shown[selected] ? "› " : "  "}${typeof name === "string" ? name : ""}`, ...rest];
  });
  const table = shown.length === 0 ? ["  no agents"] : layTable(frame.columns, rows, width, frame.colours);
  const more = shown.length - visible.length;
  const body = [...table.slice(0, height - 3), ...(more > 0 ? [paint("dim", fit(`  … ${more} more`, width))] : [])];
  const last = model.typing === null ? KEYS : `/${model.typing}`;
  return [
    paint("bold", fit(headOf(model, now), width)),
    ...body,
    ...Array<string>(Math.max(0, height - 2 - body.length)).fill(""),
    paint("dim", pad(fit(last, width), 0)),
  ].slice(0, height);
}

function headOf({ agents, connected }: WatchModel, now: number): string {
  const count = (...statuses: string[]): number => agents.filter(({ status }) => statuses.includes(status)).length;
  const cost = agents.reduce((sum, { usage }) => sum + (usage.costUsd ?? 0), 0);
  const time = timeOfDay(now);
  const counts = [
    [count("waiting_input", "limited"), "waiting"],
    [count("error", "exited"), "error"],
    [count("processing", "starting"), "processing"],
    [count("idle"), "idle"],
  ] as const;
  const told = counts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  return [time, ...told, money(cost), connected ? "connected" : "connection lost"].join("  ");
}
