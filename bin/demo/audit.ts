import { isoInstant } from "../../shared/clock.ts";
import { runIdOf } from "../../shared/runs.ts";
import { parseSchedule } from "../../shared/schedule.ts";
import type { FinishedRecord, SlotRecord } from "../../shared/slots.ts";

/** What three witnesses that know nothing of each other have written down. */
export interface Evidence {
  /** The scheduler's: each job's slot journal, oldest record first. */
  readonly jobs: readonly {
    readonly slug: string;
    readonly schedule: string;
    readonly records: readonly SlotRecord[];
  }[];
  /** The work's own: the id of its run, a line each time it ran. */
  readonly traces: readonly string[];
  /** The model's: what it billed. Null when it is not ours to ask. */
  readonly bills: readonly Billed[] | null;
}

export interface Billed {
  readonly sessionId: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What the audit counted, and what it found amiss. */
export interface Account {
  readonly instants: number;
  readonly runs: number;
  readonly traces: number;
  readonly answers: number;
  readonly tokens: number;
  /** A sentence each; empty: nothing lost, nothing doubled. */
  readonly problems: readonly string[];
}

/**
 * Holds the witnesses against each other: each due instant is a slot or told to be passed over; each slot has one last
 * word; each run left one trace, and no trace is without its run; each answer of the model is on one run's bill.
 */
export function audit({ jobs, traces, bills }: Evidence): Account {
  const problems: string[] = [];
  let instants = 0;
  const finished = new Map<string, FinishedRecord>();
  for (const { slug, schedule, records } of jobs) {
    instants += countInstants({ slug, schedule, records }, problems);
    for (const [runId, record] of lastWords(slug, records, problems)) finished.set(runId, record);
  }
  compareTraces(finished, traces, problems);
  if (bills) compareBills(finished, bills, problems);
  const tokens = bills?.reduce((sum, bill) => sum + bill.inputTokens + bill.outputTokens, 0) ?? 0;
  const answers = bills?.length ?? 0;
  return { instants, runs: finished.size, traces: traces.length, answers, tokens, problems };
}

function countInstants(job: Evidence["jobs"][number], problems: string[]): number {
  const { slots, passed, from, to } = followWatermark(job.records);
  const schedule = parseSchedule(job.schedule, "UTC");
  let count = 0;
  for (let at = schedule.next(from); at !== null && at <= to; at = schedule.next(at)) {
    const instant = at;
    count += 1;
    if (!slots.has(instant) && !passed.some((stretch) => instant > stretch.from && instant <= stretch.to))
      problems.push(`${job.slug} was due at ${isoInstant(instant)}, and the journal does not say what became of it`);
    slots.delete(instant);
  }
  for (const slot of slots) problems.push(`${job.slug} was claimed for ${isoInstant(slot)}, when it was not due`);
  return count;
}

interface Looked {
  /** Claimed by the timetable, epoch milliseconds. */
  readonly slots: Set<number>;
  /** Told to be missed, or not to be run. */
  readonly passed: readonly { readonly from: number; readonly to: number }[];
  /** The stretch of time that the scheduler looked at. */
  readonly from: number;
  readonly to: number;
}

function followWatermark(records: readonly SlotRecord[]): Looked {
  const slots = new Set<number>();
  const passed: { from: number; to: number }[] = [];
  let from: number | null = null;
  let to = 0;
  for (const record of records) {
    if (record.type === "considered") {
      const until = Date.parse(record.until);
      if (from !== null) passed.push({ from: to, to: until });
      from ??= until;
      to = until;
    } else if (record.type === "gap") {
      passed.push({ from: Date.parse(record.from), to: Date.parse(record.to) });
      to = Math.max(to, Date.parse(record.to));
    } else if (record.type === "claimed" && (record.trigger === "schedule" || record.trigger === "catch-up")) {
      slots.add(Date.parse(record.slot));
      to = Math.max(to, Date.parse(record.slot));
    }
  }
  return { slots, passed, from: from ?? to, to };
}

/** The last word about each run, by its id. */
function lastWords(slug: string, records: readonly SlotRecord[], problems: string[]): Map<string, FinishedRecord> {
  const claimed = new Set<string>();
  const ended = new Set<string>();
  const finished = new Map<string, FinishedRecord>();
  for (const record of records) {
    if (record.type !== "claimed" && record.type !== "finished" && record.type !== "skipped") continue;
    const runId = runIdOf({ slug, slot: record.slot, attempt: record.attempt });
    if (record.type === "claimed") {
      if (claimed.has(runId)) problems.push(`${runId} was claimed twice`);
      claimed.add(runId);
      continue;
    }
    if (!claimed.has(runId)) problems.push(`${runId} ended and was never claimed`);
    if (ended.has(runId)) problems.push(`${runId} ended twice`);
    ended.add(runId);
    if (record.type === "finished") finished.set(runId, record);
  }
  for (const runId of claimed)
    if (!ended.has(runId)) problems.push(`${runId} was claimed, and nobody says how it ended`);
  return finished;
}

function compareTraces(
  finished: ReadonlyMap<string, FinishedRecord>,
  traces: readonly string[],
  problems: string[],
): void {
  const times = new Map<string, number>();
  for (const runId of traces) times.set(runId, (times.get(runId) ?? 0) + 1);
  for (const [runId, count] of times) {
    if (count > 1) problems.push(`${runId} ran ${count} times`);
    if (!finished.has(runId)) problems.push(`${runId} ran, and the journal has no such run`);
  }
  for (const [runId, { outcome }] of finished)
    if ((outcome === "success" || outcome === "failure") && !times.has(runId))
      problems.push(`${runId} is recorded as a ${outcome}, and left no trace of having run`);
}

function compareBills(
  finished: ReadonlyMap<string, FinishedRecord>,
  bills: readonly Billed[],
  problems: string[],
): void {
  const billed = new Map<string, number>();
  for (const { sessionId, inputTokens, outputTokens } of bills)
    billed.set(sessionId, (billed.get(sessionId) ?? 0) + inputTokens + outputTokens);
  for (const [runId, { sessionId, usage }] of finished) {
    if (sessionId === undefined) continue;
    const recorded = (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0);
    const counted = billed.get(sessionId) ?? 0;
    if (recorded !== counted)
      problems.push(`${runId} is recorded with ${recorded} tokens, the model counted ${counted}`);
    billed.delete(sessionId);
  }
  for (const [sessionId, tokens] of billed)
    problems.push(`the model worked for session ${sessionId} (${tokens} tokens), and no run is it`);
}
