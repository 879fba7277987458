import { loadConfig } from "../shared/config.ts";
import { loadJobs } from "../shared/jobs.ts";
import type { AgentPaths } from "../shared/paths.ts";
import { parseSchedule, type Schedule } from "../shared/schedule.ts";
import { type HistoryEntry, loadLedger, type OpenSlot, readHistory, type Standing } from "../shared/slots.ts";

/** The slots of one job: those that come, those that are open, those that are over. */
export interface SlotsOfJob {
  readonly slug: string;
  /** For people; null when jobs.json holds no such valid job. */
  readonly schedule: string | null;
  readonly standing: Standing;
  /** Every instant up to it is dealt with; null: the scheduler never saw the job. */
  readonly watermark: string | null;
  /** The soonest first; none of a job that is off. */
  readonly next: readonly string[];
  readonly open: readonly OpenSlot[];
  /** Newest first. */
  readonly past: readonly HistoryEntry[];
}

/** Reads them from the files alone. */
export async function readSlots(
  paths: AgentPaths,
  slug: string,
  { limit, next, nowMs }: { readonly limit: number; readonly next: number; readonly nowMs: number },
): Promise<SlotsOfJob> {
  const [config, { jobs, invalid }, { ledger }, past] = await Promise.all([
    loadConfig(paths),
    loadJobs(paths),
    loadLedger(paths, slug),
    limit === 0 ? [] : readHistory(paths, slug, { limit }),
  ]);
  const job = jobs.find((other) => other.slug === slug);
  const schedule = job && parseSchedule(job.schedule, job.timezone ?? config.scheduler.timezone);
  const open = [...ledger.open.values()];
  return {
    slug,
    schedule: schedule?.describe() ?? null,
    standing: standingOf(
      job,
      invalid.some((entry) => entry.slug === slug),
    ),
    watermark: ledger.watermark === null ? null : new Date(ledger.watermark).toISOString(),
    next: schedule && job.enabled ? instantsOf(schedule, nowMs, next) : [],
    open,
    past: past.filter((entry) => !("dueAt" in entry) || entry.outcome !== null),
  };
}

function instantsOf(schedule: Schedule, afterMs: number, count: number): string[] {
  const instants: string[] = [];
  let at = schedule.next(afterMs);
  while (at !== null && instants.length < count) {
    instants.push(new Date(at).toISOString());
    at = schedule.next(at);
  }
  return instants;
}

function standingOf(job: { readonly enabled: boolean } | undefined, isInvalid: boolean): Standing {
  if (job) return job.enabled ? "on" : "disabled";
  return isInvalid ? "invalid" : "removed";
}
