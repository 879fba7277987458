import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";
import { Instant, Slug } from "../protocol.ts";

/** A slot without its last word, as the scheduler sees it now. */
export const QueuedSlot = z.object({
  slug: Slug,
  slot: Instant,
  attempt: z.int().positive(),
  state: z.enum(["waiting", "gate", "running", "retrying"]).describe("retrying: waits for its next attempt"),
  reason: z.string().optional().describe("what a waiting one waits for"),
  since: Instant.describe("when this attempt was claimed; of one that is to be tried again, when that is due"),
});
export type QueuedSlot = z.output<typeof QueuedSlot>;

/** What the scheduler does now. It can be made again, and counts only while the scheduler lives. */
export const SchedulerView = z.object({
  version: z.literal(1),
  at: Instant,
  pid: z.int().positive(),
  paused: z.boolean(),
  jobs: z.int().nonnegative().describe("valid entries of jobs.json"),
  enabled: z.int().nonnegative(),
  active: z.int().nonnegative().describe("runs that go on"),
  queued: z.int().nonnegative().describe("slots that wait"),
  maxParallelJobs: z.int().positive(),
  queue: z.array(QueuedSlot).describe("the oldest first; at most 1000"),
});
export type SchedulerView = z.output<typeof SchedulerView>;

export function schedulerViewPath(paths: Pick<AgentPaths, "state">): string {
  return join(paths.state("scheduler"), "view.json");
}

/** What the scheduler last said that it does; null when it never did, or the file cannot be understood. */
export async function readSchedulerView(paths: Pick<AgentPaths, "state">): Promise<SchedulerView | null> {
  try {
    return SchedulerView.safeParse(JSON.parse(await readFile(schedulerViewPath(paths), "utf8"))).data ?? null;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || error instanceof SyntaxError) return null;
    throw error;
  }
}
