import { describe, expect, test } from "vitest";
import { isoInstant } from "../../shared/clock.ts";
import { type InstarError, isInstarError } from "../../shared/errors.ts";
import { jitterMs, parseSchedule } from "../../shared/schedule.ts";
import { createRandom } from "../support/seeded.ts";

/** The instants after `from`, as "03-29 01:00" in UTC. */
function firings(text: string, zone: string, from: string, count: number): string[] {
  const schedule = parseSchedule(text, zone);
  const found: string[] = [];
  for (let at = schedule.next(Date.parse(from)); at !== null && found.length < count; at = schedule.next(at))
    found.push(
      isoInstant(at)
        .slice(5, at % 60_000 === 0 ? 16 : 19)
        .replace("T", " "),
    );
  return found;
}

describe("fields", () => {
  test.each([
    ["0 9 * * 1-5", ["11-20 09:00", "11-23 09:00"]],
    ["*/20 22,23 * * *", ["11-20 22:00", "11-20 22:20", "11-20 22:40", "11-20 23:00"]],
    ["5-59/25 0 1 * *", ["12-01 00:05", "12-01 00:30", "12-01 00:55", "01-01 00:05"]],
    ["30 */6 * * *", ["11-20 00:30", "11-20 06:30", "11-20 12:30"]],
    ["15 30 12 * * *", ["11-20 12:30:15", "11-21 12:30:15"]],
    ["*/30 * * * * *", ["11-20 00:00:30", "11-20 00:01", "11-20 00:01:30"]],
    ["0 0 * jan,Feb SUN", ["01-03 00:00", "01-10 00:00"]],
    ["0 0 * * 7", ["11-22 00:00", "11-29 00:00"]],
    // Both days named: either of them, as in every cron.
    ["0 0 1 * 1", ["11-23 00:00", "11-30 00:00", "12-01 00:00", "12-07 00:00"]],
    ["0 0 L * *", ["11-30 00:00", "12-31 00:00"]],
    ["0 0 * * FRI#2", ["12-11 00:00", "01-08 00:00"]],
    ["  0   12 *  * * ", ["11-20 12:00"]],
    ["@hourly", ["11-20 01:00", "11-20 02:00"]],
    ["@daily", ["11-21 00:00", "11-22 00:00"]],
    ["@weekly", ["11-22 00:00", "11-29 00:00"]],
    ["@monthly", ["12-01 00:00", "01-01 00:00"]],
    ["@yearly", ["01-01 00:00"]],
    ["@every 90m", ["11-20 01:30", "11-20 03:00", "11-20 04:30"]],
    ["@every 1h30m", ["11-20 01:30", "11-20 03:00"]],
    // A day and a half since the epoch, wherever this process began.
    ["@every 36h", ["11-21 00:00", "11-22 12:00"]],
    ["@every 10s", ["11-20 00:00:10", "11-20 00:00:20"]],
    ["@at 2026-12-24T18:00", ["12-24 18:00"]],
    ["@at 2026-12-24 18:00:30", ["12-24 18:00:30"]],
    ["@at 2026-12-24T18:00+02:00", ["12-24 16:00"]],
    ["@at 2025-12-24T18:00", []],
  ])("%s", (text, expected) => {
    const all = firings(text, "UTC", "2026-11-20T00:00:00.000Z", Math.max(expected.length, 1));
    expect(all).toEqual(expected);
  });

  test("February 29th comes in leap years", () => {
    const schedule = parseSchedule("0 0 29 2 *", "UTC");
    expect(isoInstant(schedule.next(Date.parse("2026-01-01")) ?? 0)).toBe("2028-02-29T00:00:00.000Z");
  });
});

describe("when the clocks are set", () => {
  test.each([
    // Central Europe: 2 → 3 on 29 March, 3 → 2 on 25 October.
    [
      "a fixed time in a gap comes at the gap's end",
      "30 2 * * *",
      "Europe/Berlin",
      "2026-03-28",
      ["03-28 01:30", "03-29 01:00", "03-30 00:30"],
    ],
    [
      "a fixed time in a repeated hour comes once, the first time",
      "30 2 * * *",
      "Europe/Berlin",
      "2026-10-24",
      ["10-24 00:30", "10-25 00:30", "10-26 01:30"],
    ],
    [
      "many times of a gap are one instant",
      "*/20 1-3 * * *",
      "Europe/Berlin",
      "2026-03-28T22:00:00Z",
      ["03-29 00:00", "03-29 00:20", "03-29 00:40", "03-29 01:00", "03-29 01:20", "03-29 01:40", "03-29 23:00"],
    ],
    [
      "ranges of hours come once in a repeated hour",
      "*/30 1-3 * * *",
      "Europe/Berlin",
      "2026-10-24T22:00:00Z",
      ["10-24 23:00", "10-24 23:30", "10-25 00:00", "10-25 00:30", "10-25 02:00", "10-25 02:30", "10-26 00:00"],
    ],
    [
      "lists of hours, too",
      "0 2,3 * * *",
      "Europe/Berlin",
      "2026-10-24T22:00:00Z",
      ["10-25 00:00", "10-25 02:00", "10-26 01:00"],
    ],
    [
      "steps of hours, too",
      "0 */2 * * *",
      "Europe/Berlin",
      "2026-10-24T22:00:00Z",
      ["10-25 00:00", "10-25 03:00", "10-25 05:00"],
    ],
    [
      "every hour goes by elapsed time over a gap",
      "0 * * * *",
      "Europe/Berlin",
      "2026-03-28T23:30:00Z",
      ["03-29 00:00", "03-29 01:00", "03-29 02:00"],
    ],
    [
      "every hour goes by elapsed time over a repeated hour",
      "*/30 * * * *",
      "Europe/Berlin",
      "2026-10-24T23:40:00Z",
      ["10-25 00:00", "10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"],
    ],
    [
      "0-23 is every hour",
      "30 0-23 * * *",
      "Europe/Berlin",
      "2026-10-25T00:00:00Z",
      ["10-25 00:30", "10-25 01:30", "10-25 02:30"],
    ],
    // Egypt: 0 → 1 on Friday 24 April: the day has no midnight.
    [
      "a day without a midnight begins at one",
      "0 0 * * *",
      "Africa/Cairo",
      "2026-04-22T23:00:00Z",
      ["04-23 22:00", "04-24 21:00"],
    ],
    [
      "a day with two midnights has one",
      "0 0 * * *",
      "Africa/Cairo",
      "2026-10-28T20:00:00Z",
      ["10-28 21:00", "10-29 22:00"],
    ],
    [
      "late evening comes twice and counts once",
      "30 23 * * *",
      "Africa/Cairo",
      "2026-10-28T20:00:00Z",
      ["10-28 20:30", "10-29 20:30", "10-30 21:30"],
    ],
    // Greenland: 23 → 0 on Saturday 28 March: the gap ends at midnight.
    ["a gap that ends at midnight", "30 23 * * 6", "America/Nuuk", "2026-03-23", ["03-29 01:00", "04-05 00:30"]],
    [
      "and midnight itself is one instant with it",
      "0,30 0,23 * * *",
      "America/Nuuk",
      "2026-03-28T02:00:00Z",
      ["03-28 02:30", "03-29 01:00", "03-29 01:30", "03-30 00:00"],
    ],
    // Chile: 24 → 23 on Saturday 4 April, 24 → 1 on 5 September.
    [
      "an evening before a day that is an hour late",
      "45 23 * * *",
      "America/Santiago",
      "2026-04-04T00:00:00Z",
      ["04-04 02:45", "04-05 02:45", "04-06 03:45"],
    ],
    // Lord Howe Island: half an hour; 2 → 1:30 on 5 April, 2 → 2:30 on 4 October.
    [
      "half an hour is repeated",
      "45 1 * * *",
      "Australia/Lord_Howe",
      "2026-04-04T00:00:00Z",
      ["04-04 14:45", "04-05 15:15"],
    ],
    [
      "half an hour is left out",
      "15 2 * * *",
      "Australia/Lord_Howe",
      "2026-10-03T00:00:00Z",
      ["10-03 15:30", "10-04 15:15"],
    ],
    [
      "the face counts where an hour has ninety minutes",
      "*/30 * * * *",
      "Australia/Lord_Howe",
      "2026-04-04T14:00:00Z",
      ["04-04 14:30", "04-04 15:00", "04-04 15:30", "04-04 16:00"],
    ],
    // Troll station: two hours; 1 → 3.
    [
      "two hours are left out",
      "0 1,2 * * *",
      "Antarctica/Troll",
      "2026-03-28T12:00:00Z",
      ["03-29 01:00", "03-29 23:00", "03-30 00:00"],
    ],
    ["once, in a gap", "@at 2026-03-29T02:30", "Europe/Berlin", "2026-01-01", ["03-29 01:00"]],
    ["once, in a repeated hour", "@at 2026-10-25T02:30", "Europe/Berlin", "2026-01-01", ["10-25 00:30"]],
    ["periods do not care", "@every 30m", "Europe/Berlin", "2026-03-29T00:30:00Z", ["03-29 01:00", "03-29 01:30"]],
  ])("%s: %s in %s", (_name, text, zone, from, expected) => {
    expect(firings(text, zone, from, expected.length)).toEqual(expected);
  });
});

describe("counting and looking back", () => {
  test.each([
    ["* * * * * *", 600],
    ["*/7 * * * *", 86_400 * 9],
    ["*/20 1-3 * * *", 86_400 * 9],
    ["0 0 * * *", 86_400 * 400],
    ["30 23 * * 6", 86_400 * 400],
    ["30 2 15,29 * *", 86_400 * 400],
    ["@every 7m", 86_400 * 9],
    ["@at 2026-03-29T02:30", 86_400 * 400],
  ])("%s: as many as one finds by walking, and the last of them", (text, spanSeconds) => {
    const random = createRandom(20_261_121);
    const zones = ["Europe/Berlin", "America/Nuuk", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Cairo", "UTC"];
    const changes = [
      "2026-03-29",
      "2026-03-28T22:00",
      "2026-10-25",
      "2026-04-05",
      "2026-10-03T15:00",
      "2026-10-29T20:00",
    ];
    for (const zone of zones) {
      const schedule = parseSchedule(text, zone);
      for (const near of changes) {
        const from = Date.parse(`${near.padEnd(16, "T00:00")}:00Z`) - random.int(0, spanSeconds * 500);
        const to = from + random.int(1, spanSeconds * 1000);
        const walked: number[] = [];
        for (let at = schedule.next(from); at !== null && at <= to; at = schedule.next(at)) walked.push(at);
        const where = `${zone} ${isoInstant(from)} ${isoInstant(to)}`;
        expect([where, schedule.count(from, to)]).toEqual([where, walked.length]);
        expect([where, schedule.last(from, to)]).toEqual([where, walked.at(-1) ?? null]);
      }
    }
  });

  test("a year of seconds is counted without walking", () => {
    const schedule = parseSchedule("* * * * * *", "Europe/Berlin");
    const [from, to] = [Date.parse("2026-01-01"), Date.parse("2027-01-01")];
    expect(schedule.count(from, to)).toBe(365 * 86_400);
    expect(schedule.last(from, to)).toBe(to);
  });
});

test.each([
  ["", "UTC", 'the schedule "" is empty', "5 fields"],
  ["* * * *", "UTC", 'the schedule "* * * *" has 4 fields', "6 with seconds first"],
  ["* * * * * * 2026", "UTC", "has 7 fields", "5 fields"],
  ["61 * * * *", "UTC", "wrong in its minute: 61 is not in 0 to 59", "0 to 59"],
  ["0 24 * * *", "UTC", "wrong in its hour: 24 is not in 0 to 23", "0 to 23"],
  ["0 0 0 * *", "UTC", "wrong in its day of the month: 0 is not in 1 to 31", "1 to 31"],
  ["0 0 * 13 *", "UTC", "wrong in its month: 13 is not in 1 to 12", "1 to 12"],
  ["0 0 * * 8", "UTC", "wrong in its weekday: 8 is not in 0 to 7", "0 to 7"],
  ["60 0 0 * * *", "UTC", "wrong in its second: 60 is not in 0 to 59", "0 to 59"],
  ["*/0 * * * *", "UTC", "no step can be 0", "from 1 to 59"],
  ["5/10 * * * *", "UTC", '"5/10" has a step and no end', "write 5-59/10"],
  ["0 22-2 * * *", "UTC", '"22-2" goes backwards', "write 22-23,0-2"],
  ["1,,2 * * * *", "UTC", "a comma without a number", "like 0,1"],
  ["? * * * *", "UTC", '"?" is of no use', 'write "*"'],
  ["x * * * *", "UTC", '"x" cannot be read', "a step like */2"],
  ["0 0 * * FRI-MON", "UTC", "cannot be read: From value is larger", "five fields"],
  ["0 0 31 2 *", "UTC", 'the schedule "0 0 31 2 *" never comes', "no year has such a day"],
  ["0 0 31 4,6,9,11 *", "UTC", "never comes", "no year has such a day"],
  ["@fortnightly", "UTC", '"@fortnightly" is of no known kind', "@daily"],
  ["@reboot", "UTC", "is of no known kind", "the supervisor"],
  ["@every", "UTC", 'the schedule "@every" lacks its period', "@every 90m"],
  ["@every 90", "UTC", "has a period that cannot be read", "a number and a unit"],
  ["@every 0s", "UTC", "has a period of nothing", "a number and a unit"],
  ["@every 99999w", "UTC", "has a period of more than ten years", "a number and a unit"],
  ["@at tomorrow", "UTC", "has a time that cannot be read", "@at 2026-12-24T18:00"],
  ["@at 2026-02-30T10:00", "UTC", "names a time that is in no calendar", "correct the month"],
  ["@at 2026-02-20T10:00+99:00", "UTC", "has an offset that is none", "+02:00"],
  ["0 9 * * *", "Europe/Berln", 'the time zone "Europe/Berln" is not known', 'did you mean "Europe/Berlin"?'],
  ["0 9 * * *", "Mars/Olympus Mons", "is not known", "IANA name"],
])("%j in %s is refused, with its cure", (text, zone, message, hint) => {
  expect(refusal(() => parseSchedule(text, zone))).toMatchObject({
    code: "REQUEST_INVALID",
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});

function refusal(act: () => unknown): InstarError {
  try {
    act();
  } catch (error) {
    if (isInstarError(error)) return error;
    throw error;
  }
  throw new Error("it was taken");
}

test("jitter is spread over its seconds, and the same for the same instant", () => {
  const spread = Array.from({ length: 2000 }, (_, minute) => jitterMs("backup", minute * 60_000, 30));
  expect(spread.every((ms) => ms >= 0 && ms < 30_000)).toBe(true);
  const inTenths = Map.groupBy(spread, (ms) => Math.floor(ms / 3000));
  expect([...inTenths.values()].every((part) => part.length > 100)).toBe(true);
  expect(jitterMs("backup", 60_000, 30)).toBe(jitterMs("backup", 60_000, 30));
  expect(jitterMs("backup", 60_000, 30)).not.toBe(jitterMs("report", 60_000, 30));
  expect(jitterMs("backup", 60_000, 0)).toBe(0);
});

test("schedules are told to people", () => {
  const told = (text: string): string => parseSchedule(text, "Europe/Berlin").describe();
  expect(told(" 0  9 * * 1-5")).toBe("0 9 * * 1-5 (Europe/Berlin)");
  expect(told("@daily")).toBe("@daily (Europe/Berlin)");
  expect(told("@every 90m")).toBe("every 90m");
  expect(told("@at 2026-12-24T18:00")).toBe("once at 2026-12-24T18:00 (Europe/Berlin)");
});
