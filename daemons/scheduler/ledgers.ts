/**
 * The ledgers of all jobs in memory, over their slot journals: what is written here is what is known. The scheduler is
 * the journals' one writer; everything it decides comes from these.
 *
 *     await using ledgers = await openLedgers({ paths, clock, log, onRecord });
 *     ledgers.of("backup").open                            // the ledger as it is now; never changed, only replaced
 *     await ledgers.append("backup", [claim, finished]);   // on the disk, and then known; STORE_FULL leaves both as they were
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import { type Journal, openJournal } from "../../shared/journal.ts";
import type { Log } from "../../shared/log.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import {
  applyRecord,
  checkpointOf,
  emptyLedger,
  jobsWithSlots,
  type Ledger,
  loadLedger,
  monthFiles,
  monthOf,
  slotFolder,
  SlotRecord,
} from "../../shared/slots.ts";

export interface Ledgers extends AsyncDisposable {
  /** Every job that ever had a record, and removed ones while their journals are kept. */
  slugs(): readonly string[];
  /** Empty for a job that was never seen. */
  of(slug: string): Ledger;
  /** Writes the records in their order, the last one synced. Calls for one job wait for each other. */
  append(slug: string, records: readonly SlotRecord[]): Promise<void>;
  /** Forgets what is not in the files any more, after retention took a whole journal away. */
  forget(slug: string): void;
}

export interface LedgersDeps {
  readonly paths: AgentPaths;
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "warn">;
  /** Told of each record once it is written. */
  readonly onRecord?: (slug: string, record: SlotRecord, before: Ledger, after: Ledger) => void;
}

/** So often a reader finds a place to begin at; between two lie a few ten kilobytes. */
const CHECKPOINT_EVERY = 100;
/** A checkpoint holds all open slots; with more of them than this it would not pay. */
const MAX_CHECKPOINT_SLOTS = 500;
/** Journals that are kept open, the last used ones. */
const MAX_OPEN_JOURNALS = 32;

interface OpenJournal {
  /** When it was opened. */
  readonly month: string;
  readonly journal: Journal<SlotRecord>;
}

export async function openLedgers(deps: LedgersDeps): Promise<Ledgers> {
  const { paths, log } = deps;
  const ledgers = new Map<string, Ledger>();
  for (const slug of await jobsWithSlots(paths)) {
    const onDamage = (damage: object): void =>
      log.warn(damage, `skipped a damaged line in the slot journal of ${slug}`);
    ledgers.set(slug, (await loadLedger(paths, slug, { onDamage })).ledger);
  }
  const tails = new Map<string, Promise<void>>();
  const journals = openJournals(deps, (slug) => tails.has(slug));
  const of = (slug: string): Ledger => ledgers.get(slug) ?? emptyLedger();

  const write = async (slug: string, records: readonly SlotRecord[]): Promise<void> => {
    const { journal, isNew } = await journals.of(slug);
    const known = of(slug);
    if (isNew && known.watermark !== null) await journal.append(checkpointOf(known, deps.clock.now()), { sync: false });
    for (const [index, record] of records.entries()) {
      await journal.append(record, { sync: index === records.length - 1 });
      const before = of(slug);
      const after = applyRecord(before, record);
      ledgers.set(slug, after);
      deps.onRecord?.(slug, record, before, after);
    }
    if (of(slug).sinceCheckpoint >= CHECKPOINT_EVERY) await mark(slug, journal);
  };
  /** Nothing hangs on a checkpoint: when it cannot be written, the next append tries again. */
  const mark = async (slug: string, journal: Journal<SlotRecord>): Promise<void> => {
    const ledger = of(slug);
    if (ledger.open.size > MAX_CHECKPOINT_SLOTS) return;
    const checkpoint = checkpointOf(ledger, deps.clock.now());
    try {
      await journal.append(checkpoint, { sync: false });
      ledgers.set(slug, applyRecord(ledger, checkpoint));
    } catch (error) {
      log.warn({ error }, `could not write a checkpoint into the slot journal of ${slug}`);
    }
  };

  return {
    slugs: () => [...ledgers.keys()],
    of,
    append(slug, records) {
      if (records.length === 0) return Promise.resolve();
      const done = (tails.get(slug) ?? Promise.resolve()).then(() => write(slug, records));
      const tail = done
        .catch(() => undefined)
        .then(() => {
          if (tails.get(slug) === tail) tails.delete(slug);
          return journals.trim();
        });
      tails.set(slug, tail);
      return done;
    },
    forget(slug) {
      if (!tails.has(slug)) ledgers.delete(slug);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(tails.values());
      await journals[Symbol.asyncDispose]();
    },
  };
}

interface Journals extends AsyncDisposable {
  /** The journal that a record written now goes to; `isNew`: it is the first in its file. */
  of(slug: string): Promise<{ journal: Journal<SlotRecord>; isNew: boolean }>;
  /** Closes those that were not used for longest, when they are too many. */
  trim(): Promise<void>;
}

function openJournals({ paths, clock }: LedgersDeps, isInUse: (slug: string) => boolean): Journals {
  /** The last used ones are last. */
  const open = new Map<string, OpenJournal>();
  const close = async (slug: string): Promise<void> => {
    const held = open.get(slug);
    open.delete(slug);
    await held?.journal[Symbol.asyncDispose]();
  };
  return {
    async of(slug) {
      const month = monthOf(clock.now());
      const held = open.get(slug);
      if (held?.month === month) {
        open.delete(slug);
        open.set(slug, held);
        return { journal: held.journal, isNew: false };
      }
      await close(slug);
      const last = (await monthFiles(paths, slug)).at(-1);
      const name = await nameAfter(last, month, slotFolder(paths, slug));
      const journal = await openJournal(join(slotFolder(paths, slug), name), SlotRecord);
      open.set(slug, { month, journal });
      return { journal, isNew: last !== name };
    },
    async trim() {
      const idle = [...open.keys()].filter((slug) => !isInUse(slug));
      for (const slug of idle.slice(0, Math.max(0, open.size - MAX_OPEN_JOURNALS))) await close(slug);
    },
    async [Symbol.asyncDispose]() {
      for (const slug of open.keys()) await close(slug);
    },
  };
}

/** A clock that was set back must not bring records out of their order: then names run ahead, and still change by the month. */
async function nameAfter(last: string | undefined, month: string, folder: string): Promise<string> {
  if (last === undefined || last <= month) return month;
  const { mtimeMs } = await stat(join(folder, last));
  return monthOf(mtimeMs) < month ? nextMonth(last) : last;
}

function nextMonth(name: string): string {
  const [year = 0, month = 1] = name.replace(".jsonl", "").split("-").map(Number);
  return monthOf(Date.UTC(year, month));
}
