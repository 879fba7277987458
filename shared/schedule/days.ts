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
  // An answer holds for every day up to it, and croner takes a hundred times longer than the rest of a question.
  const known: { readonly from: number; readonly day: number | null }[] = [];
  const next = (day: number): number | null => {
    const answer = known.find((other) => day >= other.from && (other.day === null || day < other.day));
    if (answer) return answer.day;
    const run = midnights.nextRun(new Date(day * DAY_MS));
    const found = run === null ? null : Math.floor(run.getTime() / DAY_MS);
    known.unshift({ from: day, day: found });
    known.length = Math.min(known.length, 2);
    return found;
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
