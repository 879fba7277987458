import type { SkipCause } from "../../shared/protocol.ts";
import type { Verdict } from "./admission.ts";

/** What is so about one open slot, as far as its next step hangs on it. */
export interface SlotStanding {
  /** retrying: an attempt failed, the next is due later. started: its work was opened, or has begun. */
  readonly phase: "retrying" | "waiting" | "started";
  /** What jobs.json says of its job; unknown: it could never be read. */
  readonly job: "on" | "disabled" | "invalid" | "removed" | "unknown";
  /** Somebody wished it: a disabled job runs, too. */
  readonly isManual: boolean;
  /** Until the next attempt of a retrying one; monotonic. */
  readonly dueInMs: number;
  /** What admission says; null when it was not asked. */
  readonly verdict: Verdict | null;
}

/** The one next thing to do about an open slot. */
export type Step =
  | { readonly step: "claim-retry" }
  /** Its last word: it is not run, or not tried again. */
  | { readonly step: "refuse"; readonly cause: SkipCause }
  | { readonly step: "gate" }
  /** Starts the work, or looks at it. */
  | { readonly step: "work" }
  /** Orders the work to end, for a later slot of its job. */
  | { readonly step: "make-way" }
  /** `forMs`: no longer than this; null: until something changes. */
  | {
      readonly step: "wait";
      readonly why: "retry" | "jobs" | "gates" | "overlap" | "concurrency";
      readonly forMs: number | null;
    };

/** What to do next about an open slot, by all that is so. Nothing else decides: a restart looks and goes on. */
export function nextStep(standing: SlotStanding): Step {
  const { phase, verdict } = standing;
  if (phase === "started") return { step: verdict?.act === "make-way" ? "make-way" : "work" };
  if (standing.job === "unknown") return { step: "wait", why: "jobs", forMs: null };
  const cause = whyNotRunnable(standing);
  if (cause) return { step: "refuse", cause };
  if (phase === "retrying") {
    const { dueInMs } = standing;
    return dueInMs > 0 ? { step: "wait", why: "retry", forMs: dueInMs } : { step: "claim-retry" };
  }
  return verdict ? byVerdict(verdict) : { step: "wait", why: "concurrency", forMs: null };
}

function byVerdict(verdict: Verdict): Step {
  switch (verdict.act) {
    case "skip":
      return { step: "refuse", cause: verdict.cause };
    case "gate":
      return { step: "gate" };
    case "start":
      return { step: "work" };
    case "wait":
      // While its gate runs, it is the gate that is looked at.
      return verdict.why === "gate" ? { step: "gate" } : { step: "wait", why: verdict.why, forMs: null };
    case "go-on":
      return { step: "work" };
    case "make-way":
      return { step: "make-way" };
  }
}

/** Null: its job may run. */
export function whyNotRunnable({ job, isManual }: Pick<SlotStanding, "job" | "isManual">): SkipCause | null {
  switch (job) {
    case "on":
    case "unknown":
      return null;
    case "disabled":
      return isManual ? null : { reason: "disabled" };
    case "invalid":
      return { reason: "invalid", detail: "its entry in jobs.json is not valid" };
    case "removed":
      return { reason: "disabled", detail: "the job was removed" };
  }
}
