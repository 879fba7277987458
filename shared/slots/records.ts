import { z } from "zod";
import { Usage } from "../claude.ts";
import { Instant, Outcome, SkipReason } from "../protocol.ts";

/** What a job was when it was last considered: only one that is `on` gets slots from its schedule. */
export const Standing = z.enum(["on", "disabled", "invalid", "removed"]);
export type Standing = z.output<typeof Standing>;

/** The instants after `from`, up to and with `to`. */
export const Range = z.object({ from: Instant, to: Instant });
export type Range = z.output<typeof Range>;

/** Where a slot comes from: its instant came; it was made up later; somebody wished it; it failed and is tried again. */
export const ClaimTrigger = z.enum(["schedule", "catch-up", "manual", "retry"]);
export type ClaimTrigger = z.output<typeof ClaimTrigger>;

/** `at`: when the record was written, by the wall clock. */
const base = { v: z.literal(1), at: Instant };
const attemptOf = { slot: Instant, attempt: z.int().positive() };

/** Everything up to `until` is dealt with, without slots of its own, for `reason`. It may lie before what was considered already. */
export const ConsideredRecord = z.object({
  ...base,
  type: z.literal("considered"),
  until: Instant,
  /** Text and zone of the schedule from now on. */
  schedule: z.string(),
  standing: Standing,
  reason: z.string(),
  /** After `until` and claimed nonetheless: the clock showed a later time before. */
  claimedAhead: z.array(Range).optional(),
});
export type ConsideredRecord = z.output<typeof ConsideredRecord>;

/** From now on the slot belongs to this attempt. */
export const ClaimedRecord = z.object({
  ...base,
  type: z.literal("claimed"),
  ...attemptOf,
  trigger: ClaimTrigger,
  /** The name of the wish, for a manual one. */
  id: z.string().optional(),
});
export type ClaimedRecord = z.output<typeof ClaimedRecord>;

/** The `count` instants after `from`, up to and with `to`, got no slots. */
export const GapRecord = z.object({
  ...base,
  type: z.literal("gap"),
  from: Instant,
  to: Instant,
  count: z.int().positive(),
  reason: SkipReason,
  detail: z.string().optional(),
});
export type GapRecord = z.output<typeof GapRecord>;

/** The last word about a slot that was not run. */
export const SkippedRecord = z.object({
  ...base,
  type: z.literal("skipped"),
  ...attemptOf,
  reason: SkipReason,
  detail: z.string().optional(),
});
export type SkippedRecord = z.output<typeof SkippedRecord>;

/**
 * The end of an attempt; the last word about its slot, unless `retryAt` says when the next attempt is due. When that one
 * is refused, the record of the failed attempt comes again with `retrySkipped`: then it is the last word.
 */
export const FinishedRecord = z.object({
  ...base,
  type: z.literal("finished"),
  ...attemptOf,
  outcome: Outcome,
  /** Null: it never began. */
  startedAt: Instant.nullable(),
  endedAt: Instant,
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  reason: z.string().optional(),
  retryAt: Instant.optional(),
  retrySkipped: SkipReason.optional(),
  usage: Usage.optional(),
  sessionId: z.string().optional(),
  costUsd: z.number().optional(),
  /** Its output asked that nobody be told. */
  quiet: z.boolean().optional(),
});
export type FinishedRecord = z.output<typeof FinishedRecord>;

/** What follows from all records before, so that a reader need not go further back. Nothing hangs on it. */
export const CheckpointRecord = z.object({
  ...base,
  type: z.literal("checkpoint"),
  until: Instant.nullable(),
  schedule: z.string().nullable(),
  standing: Standing.nullable(),
  claimed: z.array(Range),
  open: z.array(
    z.object({
      ...attemptOf,
      trigger: ClaimTrigger,
      claimedAt: Instant,
      firstTrigger: ClaimTrigger,
      id: z.string().optional(),
      failed: FinishedRecord.optional(),
      retryAt: Instant.optional(),
    }),
  ),
  consecutiveFailures: z.int().nonnegative(),
  failingSince: Instant.nullable(),
  lastRun: Instant.nullable(),
  lastOutcome: Outcome.nullable(),
});
export type CheckpointRecord = z.output<typeof CheckpointRecord>;

/** A line of a slot journal. */
export const SlotRecord = z.discriminatedUnion("type", [
  ConsideredRecord,
  ClaimedRecord,
  GapRecord,
  SkippedRecord,
  FinishedRecord,
  CheckpointRecord,
]);
export type SlotRecord = z.output<typeof SlotRecord>;
