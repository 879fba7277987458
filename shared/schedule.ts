import { createHash } from "node:crypto";
import { InstarError } from "./errors.ts";
import { parseCron } from "./schedule/cron.ts";
import { parseEvery } from "./schedule/every.ts";
import { parseOnce } from "./schedule/once.ts";
import { openZone } from "./schedule/zone.ts";

export { openZone, type ZoneChange } from "./schedule/zone.ts";

/** When a job is due. All instants are epoch milliseconds. */
export interface Schedule {
  /** As it was written, without superfluous blanks. */
  readonly text: string;
  readonly zone: string;
  /** The first instant after `afterMs`; null: none ever. */
  next(afterMs: number): number | null;
  /** The last instant after `fromMs`, up to and with `toMs`. */
  last(fromMs: number, toMs: number): number | null;
  /** How many instants lie after `fromMs`, up to and with `toMs`; costs no more for a year of seconds than for a day. */
  count(fromMs: number, toMs: number): number;
  /** For people: "every 90m", "once at … (Europe/Berlin)", "0 9 * * 1-5 (Europe/Berlin)". */
  describe(): string;
}

/** What a kind of schedule brings; the rest follows. */
export type Instants = Pick<Schedule, "next" | "count"> & { readonly description: string };

const NAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/**
 * Reads a schedule: cron with 5 fields or 6 (seconds first), `@every 90m` counted from the epoch, `@at 2026-12-24T18:00`
 * once, or a name like `@daily`; `zone` is an IANA name. REQUEST_INVALID, with the cure.
 *
 * A cron hour that is named, in a list, a range or a step too, comes once on each of its days: where the clocks pass over
 * it, at the instant after; where they repeat it, the first time. Where every hour matches, the clock's face alone counts:
 * nothing in an hour that is left out, twice in one that is repeated.
 */
export function parseSchedule(text: string, zone: string): Schedule {
  const clean = text.trim().replaceAll(/\s+/g, " ");
  const { next, count, description } = instantsOf(clean, zone);
  return { text: clean, zone, next, count, last: (from, to) => lastOf(next, from, to), describe: () => description };
}

function instantsOf(text: string, zoneName: string): Instants {
  const zone = openZone(zoneName);
  const [word = ""] = text.split(" ", 1);
  if (!word.startsWith("@")) return parseCron(text, zone);
  const rest = text.slice(word.length).trim();
  if (word === "@every") return parseEvery(rest);
  if (word === "@at") return parseOnce(rest, zone);
  const cron = NAMES[word];
  if (cron !== undefined && rest === "") return { ...parseCron(cron, zone), description: `${word} (${zone.name})` };
  const hint =
    word === "@reboot"
      ? "what shall happen once when the suite starts is not a job: use the supervisor, or @every"
      : `use @every 90m, @at 2026-12-24T18:00, ${Object.keys(NAMES).join(", ")}, or cron`;
  throw new InstarError("REQUEST_INVALID", `the schedule "${text}" is of no known kind`, { hint });
}

/** Looks back in ever longer steps: no more instants are walked through than the last step holds. */
function lastOf(next: Schedule["next"], fromMs: number, toMs: number): number | null {
  if (fromMs >= toMs) return null;
  for (let widthMs = 1000; ; widthMs *= 8) {
    const start = Math.max(fromMs, toMs - widthMs);
    let found: number | null = null;
    for (let at = next(start); at !== null && at <= toMs; at = next(at)) found = at;
    if (found !== null || start === fromMs) return found;
  }
}

/** How much later than due a job starts: 0 to `jitterSeconds`, the same for the same instant of the same job. */
export function jitterMs(slug: string, dueMs: number, jitterSeconds: number): number {
  if (jitterSeconds <= 0) return 0;
  const hash = createHash("sha256").update(`${slug} ${dueMs}`).digest().readUInt32BE(0);
  return Math.floor((hash / 2 ** 32) * jitterSeconds * 1000);
}
