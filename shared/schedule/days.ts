import type { Cron } from "croner";
import { DAY_MS } from "./face.ts";

/** The days that a pattern names, as days since the epoch. */
export interface Days {
  has(day: number): boolean;
  /** The first after `day`; null: none ever. */
  next(day: number): number | null;
  /** How many there are from `from` up to, and without, `to`. */
  count(from: number, to: number): number;
}

/** From croner's midnights in UTC; null: every day is one. */
export function openDays(midnights: Pick<Cron, "nextRun"> | null): Days {
  if (midnights === null)
    return { has: () => true, next: (day) => day + 1, count: (from, to) => Math.max(0, to - from) };
  // The last answer holds for every day up to it: croner takes a thousand times longer than the rest of a question.
  let known: { from: number; day: number | null } | null = null;
  const next = (day: number): number | null => {
    if (known && day >= known.from && (known.day === null || day < known.day)) return known.day;
    const run = midnights.nextRun(new Date(day * DAY_MS));
    known = { from: day, day: run === null ? null : Math.floor(run.getTime() / DAY_MS) };
    return known.day;
  };
  return {
    has: (day) => next(day - 1) === day,
    next,
    count(from, to) {
      let sum = 0;
      for (let day = next(from - 1); day !== null && day < to; day = next(day)) sum += 1;
      return sum;
    },
  };
}
