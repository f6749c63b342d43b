/** Shapes as nodes: one for each status, so that colour is never needed to tell them apart, and the hour's bars. */
import { svg } from "./dom.ts";
import type { Look } from "./looks.ts";

const STROKED = { fill: "none", stroke: "currentColor", "stroke-width": 2 };
const FILLED = { fill: "currentColor" };

const SHAPES: Readonly<Record<Look, () => SVGElement[]>> = {
  waiting: () => [svg("path", { ...FILLED, d: "M7 .5 13.5 7 7 13.5.5 7Z" })],
  error: () => [
    svg("path", { ...FILLED, d: "M4.3.5h5.4l3.8 3.8v5.4l-3.8 3.8H4.3L.5 9.700V4.300Z" }),
    svg("path", { ...STROKED, class: "cutout", d: "m4.7 4.7 4.6 4.600m0-4.6-4.6 4.6" }),
  ],
  exited: () => [svg("path", { ...STROKED, d: "M1.5 1.500h11v11h-11zM4 7h6" })],
  processing: () => [svg("path", { ...STROKED, class: "spin", d: "M7 1.500A5.5 5.5 0 1 1 1.5 7" })],
  starting: () => [svg("circle", { ...STROKED, cx: 7, cy: 7, r: 5.5, "stroke-dasharray": "3 2.76" })],
  limited: () => [svg("path", { ...STROKED, d: "M2 1.500h10M2 12.500h10M3.5 2c0 3 7 7 7 10m0-10c0 3-7 7-7 10" })],
  idle: () => [svg("circle", { ...STROKED, cx: 7, cy: 7, r: 5.5 })],
  unknown: () => [svg("path", { ...STROKED, d: "M2 7h10" })],
};

export function shape(look: Look): SVGElement {
  return svg("svg", { class: `st s-${look}`, viewBox: "0 0 14 14", "aria-hidden": "true" }, ...SHAPES[look]());
}

/** Changes the shape in place; `holder` holds nothing else. */
export function setShape(holder: Element, look: Look): void {
  if (holder.getAttribute("data-look") === look) return;
  holder.setAttribute("data-look", look);
  holder.replaceChildren(shape(look));
}

const BARS = 15;
const HEIGHT = 20;

/** The last hour in bars of four minutes. */
export function hourPath(minutes: readonly number[]): string {
  const each = Math.max(1, Math.ceil(minutes.length / BARS));
  const sums = Array.from({ length: BARS }, (_, i) =>
    minutes.slice(i * each, (i + 1) * each).reduce((sum, n) => sum + n, 0),
  );
  const most = Math.max(...sums, 1);
  return sums
    .map((sum, i) => (sum === 0 ? "" : `M${i * 8} 20v-${Math.max(2, Math.round((sum / most) * HEIGHT))}h6V20z`))
    .join("");
}

export function busyMinutes(minutes: readonly number[]): number {
  return minutes.filter((n) => n > 0).length;
}
