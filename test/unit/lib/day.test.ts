/** Days and times of day around the changes of clocks, in zones that do it in every way. */
import { afterAll, describe, expect, test } from "bun:test";
import { dayName, endOfDay, startOfDay } from "../../../src/lib/day.ts";
import { nextTimeOfDay } from "../../../src/lib/zone-time.ts";

const HOUR = 3_600_000;
const own = process.env["TZ"];
afterAll(() => void (own === undefined ? delete process.env["TZ"] : (process.env["TZ"] = own)));

const at = (iso: string): number => Date.parse(iso);

describe.each([
  // zone, a moment of the day, its name, how long it is, when it begins
  ["Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-29", 23, "2026-03-28T23:00:00Z"],
  ["Europe/Berlin", "2026-10-25T10:00:00Z", "2026-10-25", 25, "2026-10-24T22:00:00Z"],
  ["America/New_York", "2026-11-01T12:00:00Z", "2026-11-01", 25, "2026-11-01T04:00:00Z"],
  ["Asia/Kolkata", "2026-06-01T20:00:00Z", "2026-06-02", 24, "2026-06-01T18:30:00Z"],
  ["Asia/Kathmandu", "2026-06-01T19:00:00Z", "2026-06-02", 24, "2026-06-01T18:15:00Z"],
  ["Australia/Lord_Howe", "2026-04-05T00:00:00Z", "2026-04-05", 24.5, "2026-04-04T13:00:00Z"],
  ["Australia/Lord_Howe", "2026-10-04T00:00:00Z", "2026-10-04", 23.5, "2026-10-03T13:30:00Z"],
  // Its midnight does not exist: the day begins at one.
  ["Africa/Cairo", "2026-04-24T10:00:00Z", "2026-04-24", 23, "2026-04-23T22:00:00Z"],
  ["America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04", 23, "2018-11-04T03:00:00Z"],
  // Its midnight comes twice: the day before is the longer one.
  ["America/Sao_Paulo", "2018-02-17T12:00:00Z", "2018-02-17", 25, "2018-02-17T02:00:00Z"],
  ["UTC", "2026-06-01T00:00:00Z", "2026-06-01", 24, "2026-06-01T00:00:00Z"],
] as const)("%s, %s", (zone, moment, name, hours, begins) => {
  test(`is in a day of ${hours} hours, and so is each of its moments, and no other`, () => {
    process.env["TZ"] = zone;
    const [begin, end] = [startOfDay(at(moment)), endOfDay(at(moment))];
    expect(new Date(begin).toISOString()).toBe(new Date(at(begins)).toISOString());
    expect((end - begin) / HOUR).toBe(hours);
    for (let t = begin; t < end; t += HOUR / 4) {
      expect([startOfDay(t), endOfDay(t), dayName(t)]).toEqual([begin, end, name]);
    }
    expect([startOfDay(end), endOfDay(begin - 1)]).toEqual([end, begin]);
    expect([dayName(end) > name, dayName(begin - 1) < name]).toEqual([true, true]);
  });
});

describe("the next time of a day in a zone", () => {
  test.each([
    ["an afternoon", "2026-11-26T10:00:00Z", 15, 0, "Europe/Berlin", "2026-11-26T14:00:00Z"],
    ["… that is over comes tomorrow", "2026-11-26T14:00:00Z", 15, 0, "Europe/Berlin", "2026-11-27T14:00:00Z"],
    ["over the end of summer time", "2026-10-24T20:00:00Z", 15, 0, "Europe/Berlin", "2026-10-25T14:00:00Z"],
    ["over its beginning", "2026-03-28T20:00:00Z", 15, 0, "Europe/Berlin", "2026-03-29T13:00:00Z"],
    ["one that is left out is as much later", "2026-03-28T23:30:00Z", 2, 30, "Europe/Berlin", "2026-03-29T01:30:00Z"],
    ["one that comes twice is the first", "2026-10-24T23:00:00Z", 2, 30, "Europe/Berlin", "2026-10-25T00:30:00Z"],
    ["… or the second, once that is over", "2026-10-25T00:45:00Z", 2, 30, "Europe/Berlin", "2026-10-25T01:30:00Z"],
    ["half an hour beside", "2026-06-01T00:00:00Z", 2, 5, "Asia/Kolkata", "2026-06-01T20:35:00Z"],
    ["a midnight that does not exist", "2026-04-23T12:00:00Z", 0, 0, "Africa/Cairo", "2026-04-23T22:00:00Z"],
    ["over the date line", "2026-06-01T12:30:00Z", 0, 15, "Pacific/Kiritimati", "2026-06-02T10:15:00Z"],
    ["a zone behind", "2026-06-01T03:00:00Z", 21, 0, "America/Los_Angeles", "2026-06-01T04:00:00Z"],
    ["UTC", "2026-06-01T03:00:00Z", 2, 5, "UTC", "2026-06-02T02:05:00Z"],
  ] as const)("%s", (_what, now, hour, minute, zone, then) => {
    const found = nextTimeOfDay(at(now), { hour, minute }, zone);
    expect(found === null ? null : new Date(found).toISOString()).toBe(new Date(at(then)).toISOString());
  });

  test("of no zone there is none", () => {
    expect(nextTimeOfDay(0, { hour: 1, minute: 0 }, "Mars/Olympus")).toBeNull();
  });

  test("is always ahead, within a day and the hours of a change, and shows that time there, or a left out one", () => {
    for (const zone of ["Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"])
      for (let now = at("2018-01-01T00:20:00Z"); now < at("2018-12-31T00:00:00Z"); now += 37 * HOUR) {
        const then = nextTimeOfDay(now, { hour: 0, minute: 30 }, zone) ?? 0;
        expect(then > now && then - now <= 26 * HOUR).toBe(true);
        const shown = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "short" }).format(then);
        expect(["00:30", "01:30"]).toContain(shown);
      }
  });
});
