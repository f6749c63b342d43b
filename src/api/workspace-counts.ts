/**
 * What agents' folders and their snapshots take: bytes and seconds, for `GET /metrics`. The disk is looked at beside
 * the scrapes, at most once a minute: none waits for a large one. Without workspaces there is nothing to say.
 */
import type { Metric } from "../http/metrics.ts";
import { errorText } from "../lib/errors.ts";
import { snapshotTotals } from "../store/snapshots.ts";
import { hasWorkspaces } from "../store/workspaces.ts";
import type { ApiDeps } from "./deps.ts";

const FRESH_MS = 60_000;
/** So long a scrape waits for figures that are not there yet; the next one has them. */
const PATIENCE_MS = 1000;

interface Disk {
  readonly workspaces: number;
  readonly snapshots: number | null;
}

interface Look {
  readonly beganMs: number;
  readonly done: Promise<void>;
  found: Disk | null;
}

/** The last of each daemon. */
const looks = new WeakMap<object, Look>();

export async function workspaceMetrics(deps: ApiDeps): Promise<readonly Metric[]> {
  const { store } = deps;
  if (!hasWorkspaces(store)) return [];
  const disk = await onDisk(deps);
  const { count, tookMs, longestMs } = snapshotTotals(store);
  const gauge = (name: string, help: string, value: number | null | undefined): Metric => ({
    name: `agent_harness_${name}`,
    type: "gauge",
    help,
    samples: value === null || value === undefined ? [] : [{ value }],
  });
  return [
    gauge("workspaces_bytes", "What agents' own folders take of the disk.", disk?.workspaces),
    gauge("snapshots_bytes", "What the stores of snapshots take of the disk.", disk?.snapshots),
    gauge("snapshots", "Snapshots that are kept of agents' folders.", count),
    gauge("snapshots_seconds", "What taking all of these took; by their number, the seconds of one.", tookMs / 1000),
    gauge("snapshot_longest_seconds", "What the longest of these took.", longestMs / 1000),
  ];
}

async function onDisk(deps: ApiDeps): Promise<Disk | null> {
  const { store, clock } = deps;
  const last = looks.get(store);
  const look = last !== undefined && clock.monotonic() - last.beganMs < FRESH_MS ? last : begin(deps, last);
  if (look.found !== null) return look.found;
  await new Promise<void>((resolve) => {
    const timer = clock.setTimer(PATIENCE_MS, resolve);
    void look.done.finally(() => (timer.cancel(), resolve()));
  });
  return look.found;
}

/** Starts with what the one before it found, so that a scrape meanwhile has the older figures. */
function begin({ store, clock, log, rooms }: ApiDeps, last: Look | undefined): Look {
  const measure = async (): Promise<void> => {
    const { workspaces, snapshotBytes } = await (await rooms()).list();
    look.found = { workspaces: workspaces.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0), snapshots: snapshotBytes };
  };
  const told = (error: unknown): void => log.warn("cannot measure workspaces", { error: errorText(error) });
  // Only after this turn of the loop: `look` is there then.
  const done = Promise.resolve().then(measure).catch(told);
  const look: Look = { beganMs: clock.monotonic(), done, found: last?.found ?? null };
  looks.set(store, look);
  return look;
}
