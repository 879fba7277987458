import { rm } from "node:fs/promises";
import { z } from "zod";
import { type Clock, isoInstant, systemClock } from "../clock.ts";
import { type Journal, openJournal, readJournal } from "../journal.ts";
import { dayFile, dayOf, daysOf, type StatePaths } from "./files.ts";
import { EventRecord } from "./record.ts";

const KEPT_DAYS = 90;
const DAY_MS = 86_400_000;
/** Today, and a day or two of which something is told late. */
const DAYS_OPEN = 3;

export interface Events extends AsyncDisposable {
  /**
   * Tells what happened, once: false when an event of this id was told before. An identity includes its instant: told again
   * it must have the same `at`. On the disk when this returns.
   */
  tell(event: EventRecord): Promise<boolean>;
  /** Whether an event of this id was told for that instant. */
  isTold(event: Pick<EventRecord, "id" | "at">): Promise<boolean>;
}

interface Day {
  readonly file: string;
  readonly told: Set<string>;
  /** Null until something is told: to look needs no room on the disk. */
  journal: Journal<EventRecord> | null;
}

/** Opens the event files of a daemon, for its one writer; files older than 90 days are removed. */
export async function openEvents(
  paths: StatePaths,
  daemon: string,
  { clock = systemClock }: { readonly clock?: Pick<Clock, "now"> } = {},
): Promise<Events> {
  const days = new Map<string, Day>();
  let last: Promise<unknown> = Promise.resolve();

  const openDay = async (name: string): Promise<Day> => {
    for (const [oldest, { journal }] of days) {
      if (days.size < DAYS_OPEN) break;
      days.delete(oldest);
      await journal?.[Symbol.asyncDispose]();
    }
    await sweep(paths, daemon, clock.now());
    return readDay(dayFile(paths, daemon, name));
  };
  const dayFor = async (name: string): Promise<Day> => {
    const day = days.get(name) ?? (await openDay(name));
    // The last used ones are last.
    days.delete(name);
    days.set(name, day);
    return day;
  };
  const tell = async (event: EventRecord): Promise<boolean> => {
    const day = await dayFor(dayOf(event.at));
    if (day.told.has(event.id)) return false;
    day.journal ??= await openJournal(day.file, EventRecord);
    await day.journal.append(event);
    day.told.add(event.id);
    return true;
  };
  const inTurn = (act: () => Promise<boolean>): Promise<boolean> => {
    const done = last.then(act);
    last = done.catch(() => undefined);
    return done;
  };
  return {
    tell: (event) => inTurn(() => tell(event)),
    isTold: ({ id, at }) => inTurn(async () => (await dayFor(dayOf(at))).told.has(id)),
    async [Symbol.asyncDispose]() {
      await last;
      for (const { journal } of days.values()) await journal?.[Symbol.asyncDispose]();
    },
  };
}

const Identity = z.object({ id: z.string() });

async function readDay(file: string): Promise<Day> {
  const told = new Set<string>();
  for await (const { id } of readJournal(file, Identity)) told.add(id);
  return { file, told, journal: null };
}

async function sweep(paths: StatePaths, daemon: string, nowMs: number): Promise<void> {
  const oldest = dayOf(isoInstant(nowMs - KEPT_DAYS * DAY_MS));
  for (const day of await daysOf(paths, daemon))
    if (day < oldest) await rm(dayFile(paths, daemon, day), { force: true });
}
