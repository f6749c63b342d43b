/** Which box the page is about, and the way to another one: a piece of the bar. */
import { attr, fill, h } from "./dom.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { onNode } from "./place.ts";

/** Fills `holder`; `node`: the box that the page is about, null = the one that answers. */
export function createBoxes(holder: HTMLElement, watch: FleetWatch, node: string | null): void {
  const select = h("select", { class: "small", "aria-label": "Box" });
  const link = h("a", { class: "btn small", href: "#/fleet" }, "Fleet");
  let shown = "";
  select.addEventListener("change", () => {
    location.assign(onNode(select.value === watch.self ? null : select.value, "#/"));
  });
  const update = (): void => {
    const here = node ?? watch.self;
    const nodes = watch.nodes.map(({ name, reach }) => ({
      name,
      label: `${name}${name === watch.self ? ", here" : ""}${reach === "live" ? "" : `, ${reach}`}`,
    }));
    if (here !== null && !nodes.some(({ name }) => name === here)) nodes.push({ name: here, label: here });
    const now = JSON.stringify(nodes);
    if (now === shown || document.activeElement === select) return; // nothing moves under who is choosing
    shown = now;
    fill(
      select,
      nodes.map(({ name, label }) => h("option", { value: name }, label)),
    );
    select.value = here ?? "";
    attr(select, "title", here);
  };
  fill(holder, select, link);
  watch.on(update);
  update();
}
