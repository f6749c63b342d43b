/** One box of the fleet in a line: how far away it is, what it does, how far its copy lags, what can be done to it. */
import type { AppContext } from "./app.ts";
import type { Row } from "./dom.ts";
import { attr, fill, h, setText } from "./dom.ts";
import type { FleetNode } from "./fleet-shapes.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { age, count, moment } from "./format.ts";
import { setShape } from "./icons.ts";
import type { Look } from "./looks.ts";
import { visible } from "./plain.ts";
import { onNode } from "./place.ts";

export interface NodeActs {
  drain(): void;
  undrain(): void;
  remove(): void;
}

const REACH: ReadonlyMap<string, readonly [look: Look, word: string]> = new Map([
  ["live", ["idle", "Live"]],
  ["late", ["starting", "Late"]],
  ["lost", ["exited", "Lost"]],
]);

export function createNodeRow(app: AppContext, name: string, watch: FleetWatch, acts: NodeActs): Row<FleetNode> {
  const { store } = app;
  const holder = h("span", { class: "shape" });
  const word = h("span");
  const status = h("span", {}, holder, word);
  const link = h("a", { class: "nm cut" }, name);
  const what = h("span", { class: "dim what-cell" });
  const lag = h("span", { class: "dim" });
  const buttons = h("span", { class: "acts" });
  const element = h("div", { class: "fleet-row", "data-node": name }, status, link, what, lag, buttons);
  let offered = "";

  const patch = (node: FleetNode): void => {
    const { reach, seenAt, busy, capacity, draining, acceptCalls, version, providers, labels } = node;
    const [look, spelled] = REACH.get(reach) ?? ["unknown", reach];
    const now = store.present();
    setShape(holder, look);
    attr(status, "class", `status s-${look}`);
    setText(word, draining && reach === "live" ? "Drains" : spelled);
    attr(link, "href", onNode(name === watch.self ? null : name, "#/"));
    const at = `${busy} of ${capacity} busy`;
    setText(
      what,
      visible(
        [
          name === watch.self ? "this box" : "",
          reach === "live" ? at : `last heard of ${moment(seenAt, now)}, ${age(now - seenAt)} ago: ${at} then`,
          draining ? "takes nothing more from the pool" : "",
          acceptCalls ? "" : "takes no calls",
          providers.join(", "),
          labels.join(", "),
          version,
        ]
          .filter((each) => each !== "")
          .join(" · "),
      ),
    );
    const step = node.lag === 0 ? "in step" : `${count(node.lag ?? 0, "event")} behind`;
    setText(lag, node.lag === null ? "mirrors nothing yet" : reach === "live" ? step : `${step} then`);
    const wanted = reach === "lost" ? "lost" : draining ? "undrain" : "drain";
    if (wanted === offered) return;
    offered = wanted;
    fill(
      buttons,
      wanted === "lost"
        ? h("button", { class: "small", on: { click: acts.remove } }, "Take out …")
        : wanted === "undrain"
          ? h(
              "button",
              { class: "small", title: "It takes from the pool again", on: { click: acts.undrain } },
              "Undrain",
            )
          : h(
              "button",
              { class: "small", title: "It takes nothing more from the pool", on: { click: acts.drain } },
              "Drain",
            ),
    );
  };
  return { element, patch };
}
