import { type Clock, isoInstant } from "../../shared/clock.ts";
import { type QueuedSlot, type SchedulerView, schedulerViewPath } from "../../shared/job-views.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { writeSnapshot } from "../../shared/store.ts";
import type { Book } from "./job-book.ts";
import type { Settings } from "./settings.ts";

export interface ViewWriter {
  /** Writes what the scheduler does, if that changed; soon, and not more often than it is worth. */
  offer(sight: ViewSight): void;
}

export interface ViewSight {
  readonly settings: Settings;
  readonly book: Book | null;
  readonly queue: readonly QueuedSlot[];
}

const AT_MOST_EVERY_MS = 250;
const MAX_QUEUE = 1000;

export function viewOf({ settings, book, queue }: ViewSight): Omit<SchedulerView, "at" | "pid"> {
  const jobs = [...(book?.jobs.values() ?? [])];
  const active = queue.filter(({ state }) => state === "running").length;
  return {
    version: 1,
    paused: settings.isPaused,
    jobs: jobs.length,
    enabled: jobs.filter(({ enabled }) => enabled).length,
    active,
    queued: queue.length - active,
    maxParallelJobs: settings.maxParallelJobs,
    queue: queue.slice(0, MAX_QUEUE),
  };
}

export function createViewWriter(deps: {
  readonly paths: Pick<AgentPaths, "state">;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly onError: (error: unknown) => void;
}): ViewWriter {
  const { paths, clock, onError } = deps;
  let wanted: ViewSight | null = null;
  let written = "";
  let isResting = false;

  const write = async (): Promise<void> => {
    if (!wanted || isResting) return;
    const view = viewOf(wanted);
    const text = JSON.stringify(view);
    if (text === written) return;
    written = text;
    isResting = true;
    clock.after(AT_MOST_EVERY_MS, () => {
      isResting = false;
      void write();
    });
    const { version, ...rest } = view;
    const file: SchedulerView = { version, at: isoInstant(clock.now()), pid: process.pid, ...rest };
    await writeSnapshot(schedulerViewPath(paths), file).catch((error: unknown) => {
      written = "";
      onError(error);
    });
  };

  return {
    offer(sight) {
      wanted = sight;
      void write();
    },
  };
}
