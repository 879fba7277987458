/**
 * What is due for one job: its ledger, its schedule and the time → the records that deal with every instant up to now.
 * Pure. Each instant is claimed (at most `MAX_CLAIMS` at once, the rest when asked again), lies in a gap, or was passed
 * over by a `considered` that says why.
 *
 *     const { records, nextAt } = dueOf(job, ledgers.of(job.slug), clock.now());
 *     await ledgers.append(job.slug, records);           // ask again at `nextAt`, or when the clock was stepped back
 */
import { isoInstant } from "../../shared/clock.ts";
import { jitterMs, type Schedule } from "../../shared/schedule.ts";
import {
  applyRecord,
  type ClaimedRecord,
  type ConsideredRecord,
  type GapRecord,
  type Ledger,
  type Range,
  type Standing,
} from "../../shared/slots.ts";

export interface DueJob {
  readonly slug: string;
  /** Only a job that is `on` gets slots. */
  readonly standing: Standing;
  /** Null when there is none to read: an invalid or removed job. */
  readonly schedule: Schedule | null;
  readonly jitterSeconds: number;
  /** Which of the instants that were missed get a slot now. */
  readonly catchUp: "latest" | "all" | "none";
  readonly catchUpWindowMinutes: number;
}

export type DueRecord = ConsideredRecord | ClaimedRecord | GapRecord;

export interface Due {
  /** To be appended in this order. */
  readonly records: readonly DueRecord[];
  /** Epoch milliseconds of the next instant with its jitter; null: there will be none as long as nothing changes. */
  readonly nextAt: number | null;
}

/** Later than this an instant was missed; before, it is only late: a round comes within 5 s, whatever the clocks do. */
export const LATE_AFTER_MS = 5000;
/** A clock that is corrected by less is waited for. */
const STEP_TOLERANCE_MS = 2000;
/** So that a round stays short when a day of seconds is made up. */
export const MAX_CLAIMS = 100;

/** The part of a schedule that asks for slots still. */
type Instants = Pick<Schedule, "next" | "last" | "count">;

export function dueOf(job: DueJob, ledger: Ledger, nowMs: number): Due {
  const reason = whyConsidered(job, ledger, nowMs);
  if (reason !== null) {
    const record = considered(job, ledger, nowMs, reason);
    return { records: [record], nextAt: nextAt(job, applyRecord(ledger, record)) };
  }
  const { schedule, standing } = job;
  if (standing !== "on" || schedule === null) return { records: [], nextAt: null };
  const records: DueRecord[] = [];
  const after = { ledger };
  const add = (record: DueRecord): void => {
    records.push(record);
    after.ledger = applyRecord(after.ledger, record);
  };
  for (const record of lateRecords(job, unclaimed(schedule, ledger), ledger.watermark ?? nowMs, nowMs)) add(record);
  while (records.length < MAX_CLAIMS) {
    const at = unclaimed(schedule, after.ledger).next(after.ledger.watermark ?? nowMs);
    if (at === null || at + jitterMs(job.slug, at, job.jitterSeconds) > nowMs) break;
    add(claim(at, nowMs, lateEdgeOf(job, nowMs) >= at ? "catch-up" : "schedule"));
  }
  return { records, nextAt: nextAt(job, after.ledger) };
}

function nextAt({ slug, standing, schedule, jitterSeconds }: DueJob, ledger: Ledger): number | null {
  if (standing !== "on" || schedule === null || ledger.watermark === null) return null;
  const at = unclaimed(schedule, ledger).next(ledger.watermark);
  return at === null ? null : at + jitterMs(slug, at, jitterSeconds);
}

const BACK: Record<Exclude<Standing, "on">, string> = {
  disabled: "enabled again",
  invalid: "valid again",
  removed: "added again",
};

/** Null: all is as it was, and time went forward. */
function whyConsidered({ standing, schedule }: DueJob, ledger: Ledger, nowMs: number): string | null {
  if (ledger.watermark === null || ledger.standing === null) return "first seen";
  if (ledger.standing !== standing)
    return standing === "on" && ledger.standing !== "on" ? BACK[ledger.standing] : standing;
  if (standing !== "on" || schedule === null) return null;
  if (ledger.schedule !== nameOf(schedule)) return "the schedule changed";
  const aheadMs = ledger.watermark - nowMs;
  return aheadMs > STEP_TOLERANCE_MS ? `the clock was stepped back by ${Math.round(aheadMs / 1000)} s` : null;
}

function nameOf({ text, zone }: Schedule): string {
  return `${text} ${zone}`;
}

function considered({ standing, schedule }: DueJob, ledger: Ledger, nowMs: number, reason: string): ConsideredRecord {
  const until = isoInstant(nowMs);
  const ahead = ledger.claimed.flatMap(({ from, to }): Range[] =>
    to > until ? [{ from: from > until ? from : until, to }] : [],
  );
  const isSteppedBack = ledger.watermark !== null && ledger.watermark > nowMs;
  return {
    v: 1,
    type: "considered",
    at: until,
    until,
    schedule: schedule ? nameOf(schedule) : (ledger.schedule ?? ""),
    standing,
    reason,
    ...(isSteppedBack || ahead.length > 0 ? { claimedAhead: ahead } : {}),
  };
}

/** Instants up to this one were missed: even with the longest jitter they are too late. */
function lateEdgeOf({ jitterSeconds }: DueJob, nowMs: number): number {
  return nowMs - LATE_AFTER_MS - jitterSeconds * 1000;
}

/** The instants that were missed: one gap, and slots for those that the job's policy makes up. */
function lateRecords(job: DueJob, instants: Instants, watermark: number, nowMs: number): DueRecord[] {
  const lateEdge = lateEdgeOf(job, nowMs);
  const lastLate = instants.last(watermark, lateEdge);
  if (lastLate === null) return [];
  const windowStart = nowMs - job.catchUpWindowMinutes * 60_000;
  const gapTo = (to: number | null, detail: string): DueRecord[] =>
    to === null ? [] : [gap(instants, watermark, to, nowMs, detail)];
  const tooOld = `older than the catch-up window of ${job.catchUpWindowMinutes} min`;
  if (job.catchUp === "none") return gapTo(lastLate, "catchUp is none");
  if (job.catchUp === "all") {
    const lastTooOld = instants.last(watermark, Math.min(windowStart, lateEdge));
    return [...gapTo(lastTooOld, tooOld), ...lateClaims(instants, lastTooOld ?? watermark, lateEdge, nowMs)];
  }
  if (lastLate <= windowStart) return gapTo(lastLate, tooOld);
  const onTime = instants.next(lateEdge);
  if (onTime !== null && onTime <= nowMs) return gapTo(lastLate, "the next one was due already");
  const before = gapTo(instants.last(watermark, lastLate - 1), "only the latest is made up");
  return [...before, claim(lastLate, nowMs, "catch-up")];
}

function lateClaims(instants: Instants, from: number, lateEdge: number, nowMs: number): ClaimedRecord[] {
  const claims: ClaimedRecord[] = [];
  for (let at = instants.next(from); at !== null && at <= lateEdge; at = instants.next(at)) {
    if (claims.length >= MAX_CLAIMS) break;
    claims.push(claim(at, nowMs, "catch-up"));
  }
  return claims;
}

function claim(at: number, nowMs: number, trigger: "schedule" | "catch-up"): ClaimedRecord {
  return { v: 1, type: "claimed", at: isoInstant(nowMs), slot: isoInstant(at), attempt: 1, trigger };
}

function gap(instants: Instants, from: number, to: number, nowMs: number, detail: string): GapRecord {
  return {
    v: 1,
    type: "gap",
    at: isoInstant(nowMs),
    from: isoInstant(from),
    to: isoInstant(to),
    count: instants.count(from, to),
    reason: "missed",
    detail,
  };
}

/** A schedule without the instants that were claimed before the clock was set back. */
function unclaimed(schedule: Schedule, { claimed, watermark }: Ledger): Instants {
  const ahead = claimed
    .map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }))
    .filter(({ to }) => watermark !== null && to > watermark);
  if (ahead.length === 0) return schedule;
  const claimedAt = (at: number): { from: number; to: number } | undefined =>
    ahead.find(({ from, to }) => at > from && at <= to);
  return {
    next(after) {
      let at = schedule.next(after);
      for (let range = at === null ? undefined : claimedAt(at); at !== null && range; range = claimedAt(at)) {
        at = schedule.next(range.to);
        if (at === null) break;
      }
      return at;
    },
    last(from, to) {
      let at = schedule.last(from, to);
      for (let range = at === null ? undefined : claimedAt(at); at !== null && range; range = claimedAt(at)) {
        at = schedule.last(from, range.from);
        if (at === null) break;
      }
      return at;
    },
    count(from, to) {
      const overlaps = ahead.map((range) => [Math.max(from, range.from), Math.min(to, range.to)] as const);
      return overlaps.reduce((sum, [a, b]) => (a < b ? sum - schedule.count(a, b) : sum), schedule.count(from, to));
    },
  };
}
