import { type Clock, isoInstant, pause } from "../clock.ts";
import { type Damage, readJournalBackwards } from "../journal.ts";
import { dayFile, dayOf, daysOf, type StatePaths, tellers } from "./files.ts";
import { EventRecord, type EventType } from "./record.ts";

export interface EventFilter {
  readonly limit: number;
  /** Only what happened since. Epoch milliseconds; without it, whatever is kept. */
  readonly sinceMs?: number | undefined;
  readonly types?: readonly EventType[] | undefined;
  readonly slug?: string | undefined;
  /** Told of every line that is no event. */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
}

/** What happened, newest first, over all daemons; of each, no more of its files is read than the limit needs. */
export async function readEvents(paths: StatePaths, filter: EventFilter): Promise<EventRecord[]> {
  const found: EventRecord[] = [];
  for (const daemon of await tellers(paths)) found.push(...(await eventsOf(paths, daemon, filter)));
  return found.sort((a, b) => compare(b.at, a.at)).slice(0, filter.limit);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

async function eventsOf(
  paths: StatePaths,
  daemon: string,
  { limit, sinceMs = 0, types, slug, onDamage }: EventFilter,
): Promise<EventRecord[]> {
  const since = isoInstant(sinceMs);
  const events: EventRecord[] = [];
  for (const day of await daysOf(paths, daemon)) {
    if (day < dayOf(since)) break;
    const file = dayFile(paths, daemon, day);
    // The reader reports what it leaves out; a line that is being written is no damage.
    const report = onDamage && { onDamage: (damage: Damage) => void (damage.kind === "torn" || onDamage(damage)) };
    for await (const event of readJournalBackwards(file, EventRecord, report)) {
      if (events.length >= limit) return events;
      const isWanted = (!types || types.includes(event.type)) && (slug === undefined || event.slug === slug);
      if (event.at >= since && isWanted) events.push(event);
    }
  }
  return events;
}

const LOOK_MS = 500;
/** How long after it happened an event may be told and still be shown. */
const LATE_MS = 3_600_000;
const MOST_A_LOOK = 1000;

/** Yields what happened, as `readEvents` but oldest first, and then what is told from now on, until the signal. */
export async function* followEvents(
  paths: StatePaths,
  filter: EventFilter,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<EventRecord> {
  const { types, slug } = filter;
  const look = (): Promise<EventRecord[]> =>
    readEvents(paths, { types, slug, limit: MOST_A_LOOK, sinceMs: clock.now() - LATE_MS });
  // What is told between these two is in the second; what is told after it comes with the next look.
  const before = await look();
  const past = await readEvents(paths, filter);
  yield* past.toReversed();
  let seen = new Set([...before, ...past].map(({ id }) => id));
  while (!signal.aborted) {
    await pause(clock, LOOK_MS, signal);
    const events = await look();
    for (const event of events.toReversed()) if (!seen.has(event.id)) yield event;
    seen = new Set([...events, ...past].map(({ id }) => id));
  }
}
