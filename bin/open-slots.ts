import { type QueuedSlot, readSchedulerView } from "../shared/job-views.ts";
import type { AgentPaths } from "../shared/paths.ts";

/** What the scheduler has in hand of one job. */
export type OpenOf = (slug: string | null) => readonly QueuedSlot[];

/** What the scheduler says that it has in hand; nothing when it is down. */
export async function openSlots(paths: AgentPaths): Promise<OpenOf> {
  const view = await readSchedulerView(paths);
  if (view === null) return () => [];
  // Loaded only where there is something to check: it is the most of what this command would load.
  const { readStatus } = await import("../shared/lifecycle.ts");
  const status = await readStatus(paths, "scheduler");
  if (status?.pid !== view.pid) return () => [];
  return (slug) => view.queue.filter((slot) => slot.slug === slug);
}
