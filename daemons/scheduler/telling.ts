import { isoInstant } from "../../shared/clock.ts";
import type { EventRecord } from "../../shared/events.ts";
import { type RunKey, runIdOf } from "../../shared/runs.ts";
import type { FinishedRecord, GapRecord, Ledger, SkippedRecord, SlotRecord } from "../../shared/slots.ts";

/** A record with the ledger of its job before and after it. */
export interface Entry {
  readonly slug: string;
  readonly record: SlotRecord;
  readonly before: Ledger;
  readonly after: Ledger;
}

/** The part of an event that all events of jobs have. */
type JobEvent = EventRecord & { readonly slug: string };

/**
 * What one record of the slot journal is to people, in the order in which it is told. Pure, and the same at every reading:
 * ids and times come from the record alone. Alerts are told beside it, for they hang on what was told before.
 */
export function eventsOf({ slug, record }: Pick<Entry, "slug" | "record">): JobEvent[] {
  switch (record.type) {
    case "gap":
      return [gapEvent(slug, record)];
    case "skipped":
      return [skippedEvent(slug, record)];
    case "finished":
      return record.retrySkipped === undefined ? finishedEvents(slug, record) : [givenUpEvent(slug, record)];
    case "claimed":
    case "considered":
    case "checkpoint":
      return [];
  }
}

/** `startedAt`: epoch milliseconds. */
export function triggeredEvent(run: RunKey, startedAt: number): JobEvent {
  const runId = runIdOf(run);
  const again = run.attempt > 1 ? `, attempt ${run.attempt}` : "";
  return {
    id: `triggered:${runId}`,
    type: "job_triggered",
    level: "info",
    at: isoInstant(startedAt),
    message: `${run.slug} started for ${run.slot}${again}`,
    slug: run.slug,
    slot: run.slot,
    runId,
  };
}

function gapEvent(slug: string, { from, to, count, reason, detail, at }: GapRecord): JobEvent {
  const instants = count === 1 ? `the instant ${to}` : `${count} instants after ${from}, up to ${to},`;
  return {
    id: `gap:${slug}:${to}`,
    type: "job_missed",
    level: "warn",
    at,
    message: `${slug}: ${instants} got no run: ${inWords(reason, detail)}`,
    slug,
    reason: inWords(reason, detail),
  };
}

function skippedEvent(slug: string, { slot, reason, detail, at }: SkippedRecord): JobEvent {
  return {
    id: `skipped:${slug}:${slot}`,
    type: "job_skipped",
    level: "info",
    at,
    message: `${slug} was not run for ${slot}: ${inWords(reason, detail)}`,
    slug,
    slot,
    reason: inWords(reason, detail),
  };
}

function finishedEvents(slug: string, record: FinishedRecord): JobEvent[] {
  const { slot, attempt, outcome, startedAt, endedAt, reason, retryAt, at } = record;
  const run = { slug, slot, attempt };
  const runId = runIdOf(run);
  const isSuccess = outcome === "success";
  const tookMs = startedAt === null ? null : Date.parse(endedAt) - Date.parse(startedAt);
  const took = tookMs === null ? "" : ` after ${(Math.max(0, tookMs) / 1000).toFixed(1)} s`;
  const why = reason === undefined ? "" : `: ${reason}`;
  const next = retryAt === undefined ? "" : `; tried again at ${retryAt}`;
  const ended: JobEvent = {
    id: `finished:${runId}`,
    type: isSuccess ? "job_completed" : "job_failed",
    level: isSuccess ? "info" : "warn",
    at,
    message: `${slug} for ${slot}: ${outcome}${took}${why}${next}`,
    slug,
    slot,
    runId,
    outcome,
    ...(reason === undefined ? {} : { reason }),
  };
  return startedAt === null ? [ended] : [triggeredEvent(run, Date.parse(startedAt)), ended];
}

function givenUpEvent(slug: string, { slot, attempt, outcome, retrySkipped = "missed", at }: FinishedRecord): JobEvent {
  const runId = runIdOf({ slug, slot, attempt });
  return {
    id: `given-up:${runId}`,
    type: "job_given_up",
    level: "warn",
    at,
    message: `${slug} for ${slot}: ${outcome}, and not tried again: ${retrySkipped}`,
    slug,
    slot,
    runId,
    outcome,
    reason: retrySkipped,
  };
}

function inWords(reason: string, detail: string | undefined): string {
  return detail === undefined ? reason : `${reason}: ${detail}`;
}

/** So many failures in a row are an incident; unknown jobs are as normal ones. */
export function alertThreshold(priority: "critical" | "high" | "normal" | "low" = "normal"): number {
  return priority === "critical" || priority === "high" ? 2 : 3;
}

/** The name of an incident: a job, and the first slot that failed. */
export function alertIdOf(slug: string, failingSince: string): string {
  return `alert:${slug}:${failingSince}`;
}

/** The alert that is due once this record is written, if it was not told before; null: none is. */
export function alertOf({ slug, record, before, after }: Entry, threshold: number): JobEvent | null {
  const { consecutiveFailures: failures, failingSince } = after;
  const isOneMore = failures > before.consecutiveFailures;
  if (record.type !== "finished" || !isOneMore || failures < threshold || failingSince === null) return null;
  return {
    id: alertIdOf(slug, failingSince),
    type: "job_alert",
    level: "error",
    at: record.at,
    message: `${slug} failed ${failures} times in a row, first for ${failingSince}`,
    slug,
    slot: record.slot,
    outcome: record.outcome,
    ...(record.reason === undefined ? {} : { reason: record.reason }),
  };
}

/** The recovery that this record is, if the incident's alert was told. `alertId` names the incident. */
export function recoveryOf({ slug, record, before, after }: Entry): { alertId: string; event: JobEvent } | null {
  const { consecutiveFailures: failures, failingSince } = before;
  if (record.type !== "finished" || failingSince === null || after.failingSince !== null) return null;
  const times = failures === 1 ? "one failure" : `${failures} failures in a row`;
  const event: JobEvent = {
    id: `recovered:${slug}:${record.slot}`,
    type: "job_recovered",
    level: "info",
    at: record.at,
    message: `${slug} succeeded again, after ${times}`,
    slug,
    slot: record.slot,
  };
  return { alertId: alertIdOf(slug, failingSince), event };
}
