/** Days as the people of a place count them. The zone is an argument where it matters; without it, the box's own. */

/** The last midnight. */
export function startOfDay(nowMs: number): number {
  return new Date(nowMs).setHours(0, 0, 0, 0);
}

/** The next midnight: 23 or 25 hours later on two days of a year in many places. */
export function endOfDay(nowMs: number): number {
  const day = new Date(nowMs);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1).getTime();
}

/** `2026-02-18` */
export function dayName(atMs: number): string {
  const day = new Date(atMs);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
