import { z } from "zod";

/** Changes when a daemon of before could not understand one of now. */
export const BUS_VERSION = 1;

export const DaemonName = z.enum(["gateway", "scheduler", "telegram", "dispatch", "updater"]);
export type DaemonName = z.output<typeof DaemonName>;

/** A job's name in files, URLs and commands. */
export const Slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,99}$/, "must be 1 to 100 of a-z, 0-9 and -, and not begin with -")
  .describe("a job's name in files, URLs and commands");
export type Slug = z.output<typeof Slug>;

/** ISO 8601, UTC, milliseconds. */
export const Instant = z.iso.datetime().describe("an instant, ISO 8601 in UTC");
export type Instant = z.output<typeof Instant>;

export const SkipReason = z.enum(["paused", "quota", "gate", "overlap", "missed", "disabled", "invalid", "memory"]);
export type SkipReason = z.output<typeof SkipReason>;

/** Why a due job was not run. */
export const SkipCause = z.object({ reason: SkipReason, detail: z.string().optional() });
export type SkipCause = z.output<typeof SkipCause>;

/** How a run ended. `lost`: it had begun, and nobody saw its end. */
export const Outcome = z.enum(["success", "failure", "timeout", "killed", "lost"]);
export type Outcome = z.output<typeof Outcome>;

/** What became of a wish to run a job now. */
export const TriggerAnswer = z.object({
  slug: Slug,
  result: z.enum(["started", "queued", "skipped"]),
  reason: z.string().optional(),
  slot: Instant,
});
export type TriggerAnswer = z.output<typeof TriggerAnswer>;

const Slot = Instant.describe("the due instant");
const Attempt = z.int().positive().describe("1 for the first, more for retries");

/** Facts, in the past tense, told to every subscriber at most once. The files hold the truth. */
export const EVENTS = {
  "job.changed": z.object({ slug: Slug }).describe("jobs.json holds a new version of this job, or holds it no more"),
  "slot.claimed": z
    .object({ slug: Slug, slot: Slot, attempt: Attempt })
    .describe("a due instant now belongs to an attempt"),
  "slot.started": z
    .object({ slug: Slug, slot: Slot, attempt: Attempt, pid: z.int() })
    .describe("the wrapper of the attempt runs"),
  "slot.finished": z
    .object({ slug: Slug, slot: Slot, attempt: Attempt, outcome: Outcome, durationMs: z.int().nonnegative() })
    .describe("the attempt ended"),
  "slot.skipped": z
    .object({ slug: Slug, slot: Slot, reason: SkipReason })
    .describe("the due instant was passed over, for a reason"),
  "event.told": z.object({}).describe("there are new events in the publisher's event files"),
} as const;
export type EventName = keyof typeof EVENTS;
export type EventPayload<N extends EventName> = z.output<(typeof EVENTS)[N]>;

/** Questions, each with the one daemon that answers it. */
export const REQUESTS = {
  "scheduler.look": {
    owner: "scheduler",
    request: z.object({}),
    response: z.object({}),
    describe: "look at the spools and the clock now, not at the next round",
  },
  "jobs.reload": {
    owner: "scheduler",
    request: z.object({}),
    response: z.object({
      jobs: z.int().nonnegative(),
      invalid: z.array(z.object({ index: z.int(), slug: z.string().optional(), reason: z.string() })),
    }),
    describe: "read jobs.json now; the number of valid jobs, and the entries that were passed over",
  },
  "job.trigger": {
    owner: "scheduler",
    request: z.object({ slug: Slug, id: z.string().min(1).max(100).describe("asked twice under one id is once") }),
    response: TriggerAnswer,
    describe: "run a job now",
  },
} as const satisfies Record<string, { owner: DaemonName; request: z.ZodType; response: z.ZodType; describe: string }>;
export type RequestName = keyof typeof REQUESTS;
export type RequestPayload<N extends RequestName> = z.output<(typeof REQUESTS)[N]["request"]>;
export type ResponsePayload<N extends RequestName> = z.output<(typeof REQUESTS)[N]["response"]>;

/** What each daemon may say. No security boundary: it finds bugs. */
export const PUBLISHERS = {
  gateway: ["event.told"],
  scheduler: ["job.changed", "slot.claimed", "slot.started", "slot.finished", "slot.skipped", "event.told"],
  telegram: ["event.told"],
  dispatch: ["event.told"],
  updater: ["event.told"],
} as const satisfies Record<DaemonName, readonly EventName[]>;
