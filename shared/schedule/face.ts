export const DAY_MS = 86_400_000;

/** The times of day that a pattern names. Times are milliseconds since midnight. */
export interface Face {
  readonly first: number;
  /** How many there are. */
  readonly size: number;
  readonly hasEveryHour: boolean;
  /** The first after `ms`. */
  next(ms: number): number | null;
  /** How many there are up to and with `ms`. */
  countTo(ms: number): number;
}

/** One hand of the clock: the numbers that it may point at. */
interface Hand {
  readonly size: number;
  readonly first: number;
  /** The first number that is `value` at least; undefined: none. */
  from(value: number): number | undefined;
  /** How many numbers are less than `value`. */
  below(value: number): number;
  has(value: number): boolean;
}

function createHand(marks: readonly number[]): Hand {
  const values = marks.flatMap((mark, value) => (mark ? [value] : []));
  const marked = new Set(values);
  const all = [...marks.keys(), marks.length];
  const next = all.map((value) => values.find((other) => other >= value));
  const below = all.map((value) => values.filter((other) => other < value).length);
  return {
    size: values.length,
    first: values[0] ?? 0,
    from: (value) => next[value],
    below: (value) => below[value] ?? values.length,
    has: (value) => marked.has(value),
  };
}

/** From croner's marks: a list of 24, 60 and 60 with 1 at what is named. */
export function createFace(hours: readonly number[], minutes: readonly number[], seconds: readonly number[]): Face {
  const [hour, minute, second] = [createHand(hours), createHand(minutes), createHand(seconds)];
  const time = (h: number, m: number, s: number): number => ((h * 60 + m) * 60 + s) * 1000;
  const split = (ms: number): [number, number, number] => {
    const total = Math.floor(ms / 1000);
    return [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  };
  return {
    first: time(hour.first, minute.first, second.first),
    size: hour.size * minute.size * second.size,
    hasEveryHour: hour.size === 24,
    next(ms) {
      const [h, m, s] = split(ms);
      if (hour.has(h) && minute.has(m)) {
        const later = second.from(s + 1);
        if (later !== undefined) return time(h, m, later);
      }
      if (hour.has(h)) {
        const later = minute.from(m + 1);
        if (later !== undefined) return time(h, later, second.first);
      }
      const later = hour.from(h + 1);
      return later === undefined ? null : time(later, minute.first, second.first);
    },
    countTo(ms) {
      const [h, m, s] = split(ms);
      const inMinute = hour.has(h) && minute.has(m) ? second.below(s + 1) : 0;
      const inHour = hour.has(h) ? minute.below(m) * second.size : 0;
      return hour.below(h) * minute.size * second.size + inHour + inMinute;
    },
  };
}
