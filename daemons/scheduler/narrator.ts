import { type Clock, pause } from "../../shared/clock.ts";
import { describeError, isInstarError } from "../../shared/errors.ts";
import { type EventRecord, type Events, readEvents } from "../../shared/events.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import type { RunKey } from "../../shared/runs.ts";
import { applyRecord, type Ledger, loadLedger, type SlotRecord } from "../../shared/slots.ts";
import { alertIdOf, alertOf, alertThreshold, type Entry, eventsOf, recoveryOf, triggeredEvent } from "./telling.ts";

/** Tells people what the journals say: each event once, in the journal's order within a job, over all deaths. */
export interface Narrator extends AsyncDisposable {
  /** Hears of a record that was written. */
  hear(entry: Entry): void;
  /** Hears that the work of a run has begun; before its end is heard of, or not at all. */
  hearBegin(run: RunKey, startedAt: number): void;
  hearEvent(event: EventRecord): void;
  /** Finds what an earlier life left untold of these jobs, to tell it first; before anything new of them is heard. */
  catchUp(slugs: readonly string[]): Promise<void>;
}

type Priority = Parameters<typeof alertThreshold>[0];

export interface NarratorDeps {
  readonly paths: AgentPaths;
  readonly clock: Clock;
  readonly events: Pick<Events, "tell" | "isTold">;
  /** Undefined for a job that is no more. */
  readonly priorityOf: (slug: string) => Priority;
  readonly onTold: () => void;
  /** What keeps events from being told, for people; null: nothing any more. */
  readonly onTrouble: (text: string | null) => void;
}

const AGAIN_MS = 1000;
/** Records that are looked through first for what is untold; twice as many each time that is not enough. */
const FIRST_LOOK = 64;
/** Events are kept for 90 days: of what is older nobody can say whether it was told. */
const FORGOTTEN_MS = 89 * 86_400_000;
const DAY_MS = 86_400_000;

export function createNarrator(deps: NarratorDeps): Narrator {
  const { clock, events } = deps;
  const queue: (() => Promise<void>)[] = [];
  const stop = new AbortController();
  const alerts = createAlerts(deps);
  let telling: Promise<void> | null = null;

  const tellAll = async (): Promise<void> => {
    for (let act = queue[0]; act !== undefined; act = queue[0]) {
      try {
        await act();
        queue.shift();
        deps.onTrouble(null);
      } catch (error) {
        if (!isInstarError(error)) throw error;
        deps.onTrouble(describeError(error));
        // The next life tells it.
        if (stop.signal.aborted) break;
        await pause(clock, AGAIN_MS, stop.signal);
      }
    }
    telling = null;
  };
  const inTurn = (act: () => Promise<void>): void => {
    queue.push(act);
    telling ??= tellAll();
  };
  const tell = async (event: EventRecord): Promise<void> => {
    if (await events.tell(event)) deps.onTold();
  };
  const tellEntry = async (entry: Entry): Promise<void> => {
    for (const event of eventsOf(entry)) await tell(event);
    for (const event of await alerts.of(entry)) {
      await tell(event);
      alerts.told(event);
    }
  };

  return {
    hear: (entry) => inTurn(() => tellEntry(entry)),
    hearBegin: (run, startedAt) => inTurn(() => tell(triggeredEvent(run, startedAt))),
    hearEvent: (event) => inTurn(() => tell(event)),
    async catchUp(slugs) {
      for (const slug of slugs) for (const entry of await untoldOf(deps, slug)) inTurn(() => tellEntry(entry));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await telling;
    },
  };
}

/** The last entries of a job, from the first one on of which something may be untold. */
async function untoldOf(deps: NarratorDeps, slug: string): Promise<readonly Entry[]> {
  const oldest = deps.clock.now() - FORGOTTEN_MS;
  for (let recentMin = FIRST_LOOK; ; recentMin *= 2) {
    const { recent, before } = await loadLedger(deps.paths, slug, { recentMin });
    const entries = entriesOf(slug, recent, before);
    for (const [index, entry] of [...entries.entries()].reverse()) {
      if (Date.parse(entry.record.at) < oldest) return entries.slice(index + 1);
      if (await isAnyTold(deps.events, entry)) return entries.slice(index);
    }
    if (before.watermark === null || recent.length < recentMin) return entries;
  }
}

function entriesOf(slug: string, records: readonly SlotRecord[], first: Ledger): Entry[] {
  let before = first;
  return records.map((record) => {
    const after = applyRecord(before, record);
    const entry = { slug, record, before, after };
    before = after;
    return entry;
  });
}

/** Begins are told out of turn, as they are seen: they say nothing about what was told before. */
async function isAnyTold(events: Pick<Events, "isTold">, entry: Entry): Promise<boolean> {
  for (const event of eventsOf(entry)) if (event.type !== "job_triggered" && (await events.isTold(event))) return true;
  return false;
}

/** Which incidents were told of. An alert is told once, however long the incident and whoever tells it. */
function createAlerts({ paths, priorityOf }: NarratorDeps): {
  /** What is to be told because of this entry. */
  of(entry: Entry): Promise<EventRecord[]>;
  told(event: EventRecord): void;
} {
  const known = new Map<string, boolean>();

  const isTold = async (slug: string, failingSince: string): Promise<boolean> => {
    const id = alertIdOf(slug, failingSince);
    const sinceMs = Date.parse(failingSince) - DAY_MS;
    const found =
      known.get(id) ?? (await readEvents(paths, { types: ["job_alert"], slug, sinceMs, limit: 1 }))[0]?.id === id;
    known.set(id, found);
    return found;
  };

  return {
    async of(entry) {
      const { slug, before, after } = entry;
      const threshold = alertThreshold(priorityOf(slug));
      const alert = alertOf(entry, threshold);
      if (alert !== null && after.failingSince !== null) {
        const isNew = before.consecutiveFailures < threshold && known.get(alert.id) !== true;
        return isNew || !(await isTold(slug, after.failingSince)) ? [alert] : [];
      }
      const recovery = recoveryOf(entry);
      if (recovery === null || before.failingSince === null || before.consecutiveFailures < alertThreshold("critical"))
        return [];
      const wasTold = await isTold(slug, before.failingSince);
      known.delete(recovery.alertId);
      return wasTold ? [recovery.event] : [];
    },
    told(event) {
      if (event.type === "job_alert") known.set(event.id, true);
    },
  };
}
