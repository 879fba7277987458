import { isoInstant } from "../shared/clock.ts";
import { openZone, type Schedule } from "../shared/schedule.ts";
import { misuse } from "./misuse.ts";

export interface SimulatedJob {
  readonly slug: string;
  readonly schedule: Schedule;
  readonly enabled: boolean;
  readonly jitterSeconds: number;
}

/** An instant at which a job is due. */
export interface Firing {
  readonly at: string;
  /** By the clocks of the job's zone, with their offset. */
  readonly local: string;
  readonly slug: string;
}

/** The clocks of a zone are set. */
export interface Fold {
  readonly at: string;
  readonly zone: string;
  /** What they show, and what they showed until then. */
  readonly local: string;
  readonly before: string;
  /** Minutes that are left out; negative: that come again. */
  readonly minutes: number;
}

export interface Simulation {
  readonly from: string;
  readonly to: string;
  readonly jobs: readonly {
    readonly slug: string;
    readonly schedule: string;
    readonly zone: string;
    /** A disabled job is never due: its count says how often it would be. */
    readonly standing: "on" | "disabled";
    readonly count: number;
    readonly jitterSeconds: number;
  }[];
  readonly folds: readonly Fold[];
  readonly firings: readonly Firing[];
}

/** More than anybody reads. */
const MAX_FIRINGS = 500_000;

/** Everything that is due in a stretch of time, after `fromMs` and up to `toMs`. REQUEST_INVALID when that is too much. */
export function simulate(
  jobs: readonly SimulatedJob[],
  { fromMs, toMs, withDisabled }: { readonly fromMs: number; readonly toMs: number; readonly withDisabled: boolean },
): Simulation {
  const listed = jobs.filter(({ enabled }) => enabled || withDisabled);
  const count = listed.reduce((sum, { schedule }) => sum + schedule.count(fromMs, toMs), 0);
  if (count > MAX_FIRINGS)
    throw misuse(
      `${count} firings are more than the ${MAX_FIRINGS} that can be shown`,
      "take fewer --days, or one job",
    );
  const zones = new Set(jobs.map(({ schedule }) => schedule.zone));
  return {
    from: isoInstant(fromMs),
    to: isoInstant(toMs),
    jobs: jobs.map(({ slug, schedule, enabled, jitterSeconds }) => ({
      slug,
      schedule: schedule.text,
      zone: schedule.zone,
      standing: enabled ? "on" : "disabled",
      count: schedule.count(fromMs, toMs),
      jitterSeconds,
    })),
    folds: [...zones].flatMap((zone) => foldsOf(zone, fromMs, toMs)).sort(byInstant),
    firings: listed.flatMap((job) => firingsOf(job, fromMs, toMs)).sort(byInstant),
  };
}

function firingsOf({ slug, schedule }: SimulatedJob, fromMs: number, toMs: number): Firing[] {
  const firings: Firing[] = [];
  for (let at = schedule.next(fromMs); at !== null && at <= toMs; at = schedule.next(at))
    firings.push({ at: isoInstant(at), local: faceOf(at, openZone(schedule.zone).offsetAt(at)), slug });
  return firings;
}

function foldsOf(zone: string, fromMs: number, toMs: number): Fold[] {
  return openZone(zone)
    .changes(fromMs, toMs)
    .map(({ at, beforeMs, afterMs }) => ({
      at: isoInstant(at),
      zone,
      local: faceOf(at, afterMs),
      before: faceOf(at, beforeMs),
      minutes: (afterMs - beforeMs) / 60_000,
    }));
}

/** `2026-03-29 03:00:00 +02:00`. */
function faceOf(at: number, offsetMs: number): string {
  const face = isoInstant(at + offsetMs)
    .slice(0, 19)
    .replace("T", " ");
  const minutes = Math.abs(Math.round(offsetMs / 60_000));
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${face} ${offsetMs < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function byInstant(a: { readonly at: string }, b: { readonly at: string }): number {
  return a.at < b.at ? -1 : Number(a.at > b.at);
}
