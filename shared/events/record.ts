import { z } from "zod";
import type { DaemonStatus } from "../lifecycle.ts";
import { Instant, Outcome, Slug } from "../protocol.ts";

/** What can happen, by its name in files, in answers and in filters. */
export const EVENT_TYPES = [
  "job_triggered",
  "job_completed",
  "job_failed",
  "job_skipped",
  "job_missed",
  "job_given_up",
  "job_alert",
  "job_recovered",
  "job_invalid",
  "daemon_started",
] as const;

export const EventType = z.enum(EVENT_TYPES);
export type EventType = z.output<typeof EventType>;

/** One thing that happened. */
export const EventRecord = z.object({
  id: z.string().min(1).max(400).describe("its identity: an event is told once"),
  type: EventType,
  level: z.enum(["info", "warn", "error"]),
  at: Instant.describe("when it happened"),
  message: z.string().describe("for people"),
  slug: Slug.optional(),
  slot: Instant.optional().describe("the due instant"),
  runId: z.string().optional(),
  outcome: Outcome.optional(),
  reason: z.string().optional(),
});
export type EventRecord = z.output<typeof EventRecord>;

/** That a daemon's process came to be: once for each. */
export function startedEvent({ name, pid, startTime, bootId, since, release }: DaemonStatus): EventRecord {
  return {
    id: `started:${name}:${bootId}:${pid}:${startTime}`,
    type: "daemon_started",
    level: "info",
    at: since,
    message: `${name} ${release} started, pid ${pid}`,
  };
}
