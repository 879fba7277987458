import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { isoInstant } from "../../shared/clock.ts";
import { openZone, parseSchedule, type Schedule, type ZoneChange } from "../../shared/schedule.ts";
import { tempDir } from "../support/temp.ts";
import { writeZoneFile } from "../support/zone-file.ts";

const FROM = Date.parse("2026-01-01T00:00:00.000Z");
const TO = Date.parse("2028-01-01T00:00:00.000Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The same instants, as cron and as systemd.time(7) write them; and what a clock's face must show for one. */
const SCHEDULES = [
  { cron: "30 2 * * *", systemd: "*-*-* 02:30:00", hours: [2], minutes: [30] },
  { cron: "0 0 * * 1-5", systemd: "Mon..Fri *-*-* 00:00:00", hours: [0], minutes: [0], weekdays: [1, 2, 3, 4, 5] },
  { cron: "*/20 1-3 * * *", systemd: "*-*-* 01..03:00/20:00", hours: [1, 2, 3], minutes: [0, 20, 40] },
  { cron: "45 0,23 * * 0,6", systemd: "Sat,Sun *-*-* 00,23:45:00", hours: [0, 23], minutes: [45], weekdays: [0, 6] },
  { cron: "*/30 * * * *", systemd: "*-*-* *:00/30:00", hours: null, minutes: [0, 30] },
] as const;
type Named = (typeof SCHEDULES)[number];

interface Rules {
  readonly zones: readonly string[];
  readonly changes: readonly ZoneChange[];
}

/** Every zone whose clocks are set in these two years, by what is done to them. */
function allRules(): Rules[] {
  const zones = Intl.supportedValuesOf("timeZone").map((name) => ({ name, changes: openZone(name).changes(FROM, TO) }));
  const alike = Map.groupBy(
    zones.filter(({ changes }) => changes.length > 0),
    ({ changes }) => JSON.stringify(changes),
  );
  return [...alike.values()].map((group) => ({
    zones: group.map(({ name }) => name),
    changes: group[0]?.changes ?? [],
  }));
}

const RULES = allRules();

test("the zones that everybody knows are among them, and many more", () => {
  const names = RULES.flatMap(({ zones }) => zones);
  expect(names).toEqual(expect.arrayContaining(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]));
  expect(names.length).toBeGreaterThan(100);
});

test
  .skipIf(process.platform !== "linux")
  .each(RULES.map(({ zones, changes }) => ({ first: zones[0] ?? "", count: zones.length, zones, changes })))(
  "$first and what is set alike ($count): as systemd outside the changes, by the clock's face inside",
  async ({ zones, changes }) => {
    await using dir = await tempDir();
    const file = join(dir.path, "zone");
    await writeZoneFile(file, changes);
    const walls = changes.map(({ at }) => watchWall(zones[0] ?? "", at - DAY / 2, at + DAY / 2));
    const isOutside = (at: number): boolean =>
      changes.every(({ at: change, beforeMs, afterMs }) => Math.abs(at - change) > Math.abs(afterMs - beforeMs));
    for (const named of SCHEDULES) {
      const stretches = stretchesOf(named, changes);
      const theirs: number[] = [];
      for (const stretch of stretches) theirs.push(...(await askSystemd(file, named, stretch)).filter(isOutside));
      const inside = walls.flatMap((wall) => byTheFace(named, wall));
      for (const zone of zones) {
        const schedule = parseSchedule(named.cron, zone);
        const where = `${named.cron} in ${zone}`;
        const ours = stretches.flatMap((stretch) => firings(schedule, stretch));
        expect([where, difference(ours.filter(isOutside), theirs)]).toEqual([where, []]);
        const near = changes.flatMap(({ at }) => firings(schedule, { from: at - DAY / 2 - 1, to: at + DAY / 2 }));
        expect([where, near.map(isoInstant)]).toEqual([where, inside]);
      }
    }
  },
);

interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Of what comes at all hours, the days around each change are enough. */
function stretchesOf({ hours }: Named, changes: readonly ZoneChange[]): Stretch[] {
  if (hours !== null) return [{ from: FROM, to: TO }];
  return changes.map(({ at }) => ({ from: at - 2 * DAY, to: at + 2 * DAY }));
}

function firings(schedule: Schedule, { from, to }: Stretch): number[] {
  const found: number[] = [];
  for (let at = schedule.next(from); at !== null && at <= to; at = schedule.next(at)) found.push(at);
  return found;
}

/** The first few things that only one of the two has. */
function difference(ours: readonly number[], theirs: readonly number[]): string[] {
  if (ours.length === theirs.length && ours.every((at, index) => at === theirs[index])) return [];
  const [own, other] = [new Set(ours), new Set(theirs)];
  const onlyOurs = [...own].filter((at) => !other.has(at)).map((at) => `${isoInstant(at)} is ours alone`);
  const onlyTheirs = [...other].filter((at) => !own.has(at)).map((at) => `${isoInstant(at)} is theirs alone`);
  return [...onlyOurs.slice(0, 5), ...onlyTheirs.slice(0, 5), `${ours.length} and ${theirs.length}`];
}

/**
 * What systemd makes of a schedule. It lives by the rules that Node.js knows, written into a file: the machine's own may be
 * older, or missing.
 */
async function askSystemd(zoneFile: string, { systemd, minutes, hours }: Named, stretch: Stretch): Promise<number[]> {
  const days = Math.ceil((stretch.to - stretch.from) / DAY);
  // An hour more, where one is repeated.
  const most = (minutes.length * (hours?.length ?? 24) + 1) * (days + 1);
  const base = isoInstant(stretch.from).slice(0, 19).replace("T", " ");
  const words = ["calendar", `--base-time=${base} UTC`, `--iterations=${most}`, systemd];
  const { stdout } = await promisify(execFile)("systemd-analyze", words, {
    env: { PATH: process.env["PATH"], TZ: `:${zoneFile}`, SYSTEMD_PAGER: "", SYSTEMD_COLORS: "0" },
    maxBuffer: 64 * 1024 * 1024,
  });
  const found = [...stdout.matchAll(/\(in UTC\): \w{3} (\S+) (\S+) UTC/g)];
  const instants = found.map(([, date, time]) => Date.parse(`${date}T${time}.000Z`));
  expect(instants.at(-1)).toBeGreaterThanOrEqual(stretch.to);
  return instants.filter((at) => at <= stretch.to);
}

/** A minute, and the time that a clock on the wall shows then, as if it showed UTC. */
interface Glance {
  readonly at: number;
  readonly face: number;
  /** The latest time that it showed before. */
  readonly shown: number;
}

/** Looks at the clock on the wall every minute. */
function watchWall(zone: string, from: number, to: number): Glance[] {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  const look = (at: number): number => Date.parse(`${format.format(at).replace(" ", "T")}.000Z`);
  const glances: Glance[] = [];
  let shown = look(from - MINUTE);
  for (let at = from; at <= to; at += MINUTE) {
    const face = look(at);
    glances.push({ at, face, shown });
    shown = Math.max(shown, face);
  }
  return glances;
}

/**
 * What should come: with every hour, when the face shows one of the minutes; else each time of each day once, when the face
 * first shows it, or first is past it.
 */
function byTheFace({ hours, minutes, ...days }: Named, wall: readonly Glance[]): string[] {
  const isDay = (face: number): boolean =>
    !("weekdays" in days) || (days.weekdays as readonly number[]).includes(new Date(face).getUTCDay());
  const isTime = (face: number): boolean => {
    const [hour, minute] = [new Date(face).getUTCHours(), new Date(face).getUTCMinutes()];
    const isHour = hours === null || (hours as readonly number[]).includes(hour);
    return isHour && (minutes as readonly number[]).includes(minute) && isDay(face);
  };
  const due = wall.filter(({ face, shown }) => (hours === null ? [face] : timesAfter(shown, face)).some(isTime));
  return due.map(({ at }) => isoInstant(at));
}

function timesAfter(shown: number, face: number): number[] {
  return Array.from({ length: Math.max(0, (face - shown) / MINUTE) }, (_, index) => shown + (index + 1) * MINUTE);
}
