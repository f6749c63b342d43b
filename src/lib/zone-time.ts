/**
 * A time of day in a named zone, as programs tell it to people ("3pm (Europe/Berlin)"): the moment at which it comes
 * next there. On days on which clocks are set, a time that does not exist comes as much later, and of one that comes
 * twice it is the first that is still ahead. Pure: the zones are those of the runtime.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** null: there is no such zone. */
export function nextTimeOfDay(
  nowMs: number,
  { hour, minute }: { hour: number; minute: number },
  zone: string,
): number | null {
  const offsetAt = offsetsOf(zone);
  if (offsetAt === null) return null;
  const today = nowMs + offsetAt(nowMs);
  const midnight = today - (today % DAY_MS);
  const moments = [0, 1, 2].flatMap((day) =>
    momentsOf(midnight + day * DAY_MS + hour * HOUR_MS + minute * 60_000, offsetAt),
  );
  return moments.find((at) => at > nowMs) ?? null;
}

/** `wallMs`: what the clock there shows, as if it were UTC. Two moments where it shows that twice, in their order. */
function momentsOf(wallMs: number, offsetAt: (atMs: number) => number): number[] {
  // Nowhere are clocks set twice in two days.
  const offsets = [offsetAt(wallMs - DAY_MS), offsetAt(wallMs + DAY_MS)];
  const real = offsets.map((offset) => wallMs - offset).filter((at) => at + offsetAt(at) === wallMs);
  if (real.length > 0) return [...new Set(real)].sort((a, b) => a - b);
  // It was left out: as long after the change as it would have been.
  return [wallMs - (offsets[0] ?? 0)];
}

function offsetsOf(zone: string): ((atMs: number) => number) | null {
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      ...{ timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric", second: "numeric" },
    });
    return (atMs) => {
      const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
      const of = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
      const shown = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
      return shown - (atMs - (atMs % 1000));
    };
  } catch {
    return null;
  }
}
