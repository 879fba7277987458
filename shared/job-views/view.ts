import { z } from "zod";
import { isoInstant } from "../clock.ts";
import { type Config, loadConfig } from "../config.ts";
import { type InvalidJob, type Job, loadJobs, PRIORITIES } from "../jobs.ts";
import type { AgentPaths } from "../paths.ts";
import { Instant, Outcome } from "../protocol.ts";
import { jitterMs, parseSchedule, type Schedule } from "../schedule.ts";
import { type Ledger, loadLedger, type OpenSlot, Standing } from "../slots.ts";
import { QueuedSlot, readSchedulerView, type SchedulerView } from "./queue.ts";

/** A job as people and other programs see it: what jobs.json says, and what became of it so far. */
export const JobView = z.object({
  slug: z.string().nullable().describe("null: an invalid entry that has none"),
  name: z.string().nullable().describe("null: of an invalid entry"),
  description: z.string(),
  schedule: z.string().nullable().describe("as it was written"),
  timezone: z.string().nullable(),
  type: z.enum(["prompt", "script", "skill"]).nullable(),
  priority: z.enum(PRIORITIES).nullable(),
  model: z.string().nullable().describe("null: no model is called"),
  enabled: z.boolean(),
  standing: Standing,
  invalid: z.string().optional().describe("why the entry is not run"),
  nextRun: Instant.nullable().describe("null: it will not run by itself"),
  lastRun: Instant.nullable().describe("when the last attempt that ended had started"),
  lastOutcome: Outcome.nullable(),
  consecutiveFailures: z.int().nonnegative(),
  tags: z.array(z.string()),
  queue: z.array(QueuedSlot).describe("its slots without a last word, in the order of their claims"),
});
export type JobView = z.output<typeof JobView>;
export const JobViews = z.array(JobView);

/** So many journals are read at once. */
const READERS = 16;

/**
 * Every entry of jobs.json in its order, from the files alone: true with every daemon down. Who goes by a config
 * of its own gives it. CONFIG_INVALID, CONFIG_MISSING.
 */
export async function readJobViews(
  paths: AgentPaths,
  { nowMs, config: given }: { readonly nowMs: number; readonly config?: Config },
): Promise<JobView[]> {
  const [config, { jobs, invalid }, now] = await Promise.all([
    given ?? loadConfig(paths),
    loadJobs(paths),
    readNow(paths),
  ]);
  const views: JobView[] = invalid.map(viewOfInvalid);
  const left = jobs.values();
  const readOn = async (): Promise<void> => {
    for (const job of left) {
      const { ledger } = await loadLedger(paths, job.slug);
      const schedule = parseSchedule(job.schedule, job.timezone ?? config.scheduler.timezone);
      const queue = [...ledger.open.values()].map((open) => queuedSlot(job.slug, open, now));
      views.push({ ...viewOf(job, schedule, ledger, nowMs), queue });
    }
  };
  await Promise.all(Array.from({ length: READERS }, readOn));
  const order = new Map(jobs.map(({ slug }, at) => [slug, at]));
  return views.sort((a, b) => placeOf(order, a) - placeOf(order, b));
}

/** Invalid entries come last. */
function placeOf(order: ReadonlyMap<string, number>, { slug, standing }: JobView): number {
  return standing === "invalid" ? order.size : (order.get(slug ?? "") ?? order.size);
}

/** What the scheduler says of open slots; null while it is down. */
async function readNow(paths: AgentPaths): Promise<SchedulerView | null> {
  const view = await readSchedulerView(paths);
  if (view === null) return null;
  // Loaded only where there is something to check: it brings more than all the rest of this.
  const { readStatus } = await import("../lifecycle.ts");
  return (await readStatus(paths, "scheduler"))?.pid === view.pid ? view : null;
}

/** That a slot is open is told by its journal; how far it is, by the scheduler. */
function queuedSlot(slug: string, open: OpenSlot, now: SchedulerView | null): QueuedSlot {
  const { slot, attempt, retryAt, claimedAt } = open;
  const told = now?.queue.find((other) => other.slug === slug && other.slot === slot && other.attempt === attempt);
  if (told) return told;
  const state = retryAt === undefined ? "waiting" : "retrying";
  return { slug, slot, attempt, state, since: retryAt ?? claimedAt };
}

/** What became of a job, beside what jobs.json says of it. Pure. */
function viewOf(job: Job, schedule: Schedule, ledger: Ledger, nowMs: number): Omit<JobView, "queue"> {
  const next = job.enabled ? nextStartMs(job, schedule, ledger, nowMs) : null;
  return {
    slug: job.slug,
    name: job.name,
    description: job.description,
    schedule: schedule.text,
    timezone: schedule.zone,
    type: job.execute.type,
    priority: job.priority,
    model: job.execute.type === "script" ? null : job.model,
    enabled: job.enabled,
    standing: job.enabled ? "on" : "disabled",
    nextRun: next === null ? null : isoInstant(next),
    lastRun: ledger.lastRun,
    lastOutcome: ledger.lastOutcome,
    consecutiveFailures: ledger.consecutiveFailures,
    tags: job.tags,
  };
}

/** The next attempt that failed before, or the next instant put off by its jitter, whichever comes first. */
function nextStartMs(job: Job, schedule: Schedule, ledger: Ledger, nowMs: number): number | null {
  const retries = [...ledger.open.values()].flatMap(({ retryAt }) =>
    retryAt === undefined ? [] : Date.parse(retryAt),
  );
  const due = nextDueMs(job, schedule, ledger.watermark, nowMs);
  const starts = due === null ? retries : [...retries, due];
  return starts.length === 0 ? null : Math.max(nowMs, Math.min(...starts));
}

/** An instant that passed may still wait for its jitter, as long as nothing was decided about it. */
function nextDueMs(job: Job, schedule: Schedule, watermark: number | null, nowMs: number): number | null {
  const { slug, jitterSeconds } = job;
  let due = schedule.next(Math.max(watermark ?? nowMs, nowMs - jitterSeconds * 1000));
  for (; due !== null; due = schedule.next(due)) {
    const startMs = due + jitterMs(slug, due, jitterSeconds);
    if (startMs > nowMs) return startMs;
  }
  return null;
}

function viewOfInvalid({ slug, reason }: InvalidJob): JobView {
  return {
    slug: slug ?? null,
    name: null,
    description: "",
    schedule: null,
    timezone: null,
    type: null,
    priority: null,
    model: null,
    enabled: false,
    standing: "invalid",
    invalid: reason,
    nextRun: null,
    lastRun: null,
    lastOutcome: null,
    consecutiveFailures: 0,
    tags: [],
    queue: [],
  };
}
