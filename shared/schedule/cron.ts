import { Cron, CronPattern } from "croner";
import { InstarError } from "../errors.ts";
import type { Instants } from "../schedule.ts";
import { type Days, openDays } from "./days.ts";
import { checkFields } from "./fields.ts";
import { instantOf } from "./local.ts";
import { createFace, DAY_MS, type Face } from "./face.ts";
import type { Zone, ZoneChange } from "./zone.ts";

/** Local times that a pattern names, in a calendar without zones. */
interface Pattern {
  /** The first after `localMs`. */
  next(localMs: number): number | null;
  /** How many lie after `fromMs`, up to and with `toMs`. */
  count(fromMs: number, toMs: number): number;
  readonly hasEveryHour: boolean;
}

/** Reads five fields, or six with seconds. croner reads them and knows the calendar; what the clocks do is ours. */
export function parseCron(text: string, zone: Zone): Instants {
  const fields = checkFields(text);
  const pattern = openPattern(text, fields);
  const description = `${text} (${zone.name})`;
  const instants = pattern.hasEveryHour ? byTheFace(pattern, zone) : onceADay(pattern, zone);
  return { ...instants, description };
}

function openPattern(text: string, fields: readonly string[]): Pattern {
  const dates = `0 0 0 ${fields.slice(-3).join(" ")}`;
  const read = (): { face: Face; days: Days } => {
    const { second, minute, hour } = new CronPattern(text, "UTC", { mode: "5-or-6-parts" });
    const everyDay = fields.slice(-3).every((field) => field === "*");
    const days = openDays(everyDay ? null : new Cron(dates, { timezone: "UTC", mode: "6-part", paused: true }));
    return { face: createFace(hour, minute, second), days };
  };
  try {
    const { face, days } = read();
    if (days.next(0) === null) throw neverComes(text);
    return patternOf(face, days);
  } catch (error) {
    if (error instanceof InstarError || !(error instanceof TypeError || error instanceof RangeError)) throw error;
    const why = error.message.replace(/^CronPattern: /, "");
    const hint = "five fields: minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-7";
    throw new InstarError("REQUEST_INVALID", `the schedule "${text}" cannot be read: ${why}`, { cause: error, hint });
  }
}

function neverComes(text: string): InstarError {
  const hint = "no year has such a day: correct the day of the month or the month (L is a month's last day)";
  return new InstarError("REQUEST_INVALID", `the schedule "${text}" never comes`, { hint });
}

function patternOf(face: Face, days: Days): Pattern {
  const next = (localMs: number): number | null => {
    const day = Math.floor(localMs / DAY_MS);
    const later = days.has(day) ? face.next(localMs - day * DAY_MS) : null;
    if (later !== null) return day * DAY_MS + later;
    const nextDay = days.next(day);
    return nextDay === null ? null : nextDay * DAY_MS + face.first;
  };
  /** From the beginning of the day to `localMs` included. */
  const sofar = (localMs: number, day: number): number => (days.has(day) ? face.countTo(localMs - day * DAY_MS) : 0);
  return {
    next,
    hasEveryHour: face.hasEveryHour,
    count(fromMs, toMs) {
      if (toMs <= fromMs) return 0;
      const [from, to] = [Math.floor(fromMs / DAY_MS), Math.floor(toMs / DAY_MS)];
      return days.count(from, to) * face.size + sofar(toMs, to) - sofar(fromMs, from);
    },
  };
}

type Timed = Pick<Instants, "next" | "count">;

/** Every hour matches: an instant is one when the clock's face says so. */
function byTheFace(pattern: Pattern, zone: Zone): Timed {
  return {
    next(after) {
      let from = after;
      let offsetMs = zone.offsetAt(after);
      let local = pattern.next(after + offsetMs);
      for (;;) {
        if (local === null) return null;
        const [change] = zone.changes(from, local - offsetMs);
        if (!change) return local - offsetMs;
        from = change.at;
        offsetMs = change.afterMs;
        // The instant of the change itself shows a time that counts.
        local = pattern.next(from + offsetMs - 1);
      }
    },
    count(from, to) {
      let sum = 0;
      for (const { start, end, offsetMs, ends } of stretches(zone, from, to)) {
        sum += pattern.count(start + offsetMs, end + offsetMs);
        if (!ends) continue;
        // `end` belongs to the new offset.
        sum -= pattern.count(end + ends.beforeMs - 1, end + ends.beforeMs);
        sum += pattern.count(end + ends.afterMs - 1, end + ends.afterMs);
      }
      return sum;
    },
  };
}

/** Hours are named: each of their times comes once, when the clocks first show it or first have passed it. */
function onceADay(pattern: Pattern, zone: Zone): Timed {
  return {
    next(after) {
      let local = pattern.next(passedAt(zone, after));
      while (local !== null) {
        const at = instantOf(local, zone);
        if (at > after) return at;
        local = pattern.next(local);
      }
      return null;
    },
    count(from, to) {
      let sum = 0;
      for (const { start, end, offsetMs, ends } of stretches(zone, from, to)) {
        const passed = passedAt(zone, start);
        if (!ends) sum += pattern.count(passed, end + offsetMs);
        else {
          sum += pattern.count(passed, end + ends.beforeMs - 1);
          // All that the clocks pass over, and what they show then, is one instant.
          if (pattern.count(end + ends.beforeMs - 1, end + ends.afterMs) > 0) sum += 1;
        }
      }
      return sum;
    },
  };
}

/** The latest local time that the clocks have shown up to an instant: while they repeat an hour, its end. */
function passedAt(zone: Zone, ms: number): number {
  const local = ms + zone.offsetAt(ms);
  const before = zone.changes(ms - DAY_MS, ms).map(({ at, beforeMs }) => at + beforeMs - 1);
  return before.reduce((a, b) => Math.max(a, b), local);
}

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly offsetMs: number;
  /** The change at its end. */
  readonly ends: ZoneChange | null;
}

/** The time from `from` to `to`, cut at every change. */
function stretches(zone: Zone, from: number, to: number): Stretch[] {
  if (to <= from) return [];
  const parts: Stretch[] = [];
  let start = from;
  for (const change of zone.changes(from, to)) {
    parts.push({ start, end: change.at, offsetMs: change.beforeMs, ends: change });
    start = change.at;
  }
  if (start < to) parts.push({ start, end: to, offsetMs: zone.offsetAt(start), ends: null });
  return parts;
}
