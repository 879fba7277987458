/**
 * The timetable: looks at every job whose time has come, and writes what is due into its ledger.
 *
 *     const timetable = createTimetable({ ledgers, clock });
 *     timetable.setJobs(jobs);                                     // whenever jobs.json or the configured zone changed
 *     const { claimed, failed, wakeAt } = await timetable.look();  // in every round
 */
import type { Clock } from "../../shared/clock.ts";
import type { Ledgers } from "./ledgers.ts";
import { type DueJob, dueOf } from "./due.ts";

export interface Look {
  /** The slots that this look claimed, oldest first within a job. */
  readonly claimed: readonly { readonly slug: string; readonly slot: string }[];
  /** Jobs whose records could not be written: they are looked at again next time. */
  readonly failed: readonly { readonly slug: string; readonly error: unknown }[];
  /** When the next instant comes, epoch milliseconds; look earlier too, since clocks are stepped. */
  readonly wakeAt: number | null;
}

export interface Timetable {
  /** All jobs there are. One that has a ledger and is none of them was removed. */
  setJobs(jobs: readonly DueJob[]): void;
  look(): Promise<Look>;
}

interface Row {
  readonly job: DueJob;
  /** Null: as long as nothing changes, nothing will be due. */
  nextAt: number | null;
}

export function createTimetable(deps: {
  readonly ledgers: Pick<Ledgers, "slugs" | "of" | "append">;
  readonly clock: Pick<Clock, "now">;
}): Timetable {
  const { ledgers, clock } = deps;
  let rows: readonly Row[] = [];
  let lookedAt = Number.NEGATIVE_INFINITY;

  const lookAt = async (row: Row, nowMs: number): Promise<{ slug: string; slot: string }[]> => {
    const { slug } = row.job;
    const { records, nextAt } = dueOf(row.job, ledgers.of(slug), nowMs);
    await ledgers.append(slug, records);
    row.nextAt = nextAt;
    return records.flatMap((record) => (record.type === "claimed" ? [{ slug, slot: record.slot }] : []));
  };

  return {
    setJobs(jobs) {
      const known = new Set(jobs.map(({ slug }) => slug));
      const removed = ledgers.slugs().filter((slug) => !known.has(slug));
      rows = [...jobs, ...removed.map(removedJob)].map((job) => ({ job, nextAt: Number.NEGATIVE_INFINITY }));
    },
    async look() {
      const nowMs = clock.now();
      const isSteppedBack = nowMs < lookedAt;
      lookedAt = nowMs;
      const claimed: { slug: string; slot: string }[] = [];
      const failed: { slug: string; error: unknown }[] = [];
      for (const row of rows) {
        if (!isSteppedBack && (row.nextAt === null || row.nextAt > nowMs)) continue;
        try {
          claimed.push(...(await lookAt(row, nowMs)));
        } catch (error) {
          row.nextAt = Number.NEGATIVE_INFINITY;
          failed.push({ slug: row.job.slug, error });
        }
      }
      const waits = rows.flatMap(({ nextAt }) =>
        nextAt === null || nextAt === Number.NEGATIVE_INFINITY ? [] : [nextAt],
      );
      return { claimed, failed, wakeAt: waits.length === 0 ? null : waits.reduce((a, b) => Math.min(a, b)) };
    },
  };
}

function removedJob(slug: string): DueJob {
  const nothing = { schedule: null, jitterSeconds: 0, catchUp: "none", catchUpWindowMinutes: 0 } as const;
  return { slug, standing: "removed", ...nothing };
}
