import { basename } from "node:path";
import type { Bus } from "../../shared/bus.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Config } from "../../shared/config.ts";
import { type JobView, readJobViews, schedulerViewPath } from "../../shared/job-views.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { watchFolder } from "../../shared/watch.ts";

/** Next runs pass, and not every change is told: nothing is shown for longer. */
const KEEP_MS = 1000;

/** The views of all jobs. */
export interface JobBoard {
  /** From memory, while nothing of them changed; from the files otherwise. CONFIG_INVALID. */
  read(): Promise<JobView[]>;
  /** Something changed: what is in memory is not shown again. */
  drop(): void;
}

export interface JobBoardDeps {
  readonly paths: AgentPaths;
  readonly clock: Clock;
  readonly config: () => Config;
  readonly bus: Pick<Bus, "subscribe">;
}

/** Keeps what many ask for, so that an answer costs no reading; the scheduler's word and the files say when it is old. */
export function openJobBoard({ paths, clock, config, bus }: JobBoardDeps): JobBoard & Disposable {
  interface Kept {
    readonly views: Promise<JobView[]>;
    readonly config: Config;
    readonly sinceMs: number;
  }
  let kept: Kept | null = null;
  const drop = (): void => {
    kept = null;
  };
  const isFresh = ({ config: of, sinceMs }: Kept): boolean =>
    of === config() && clock.monotonicMs() - sinceMs < KEEP_MS;
  const readAnew = (): Kept => {
    const views = readJobViews(paths, { nowMs: clock.now(), config: config() });
    const fresh = { views, config: config(), sinceMs: clock.monotonicMs() };
    // Everybody who waits for it hears of a failure; the next one has another try.
    views.catch(() => {
      if (kept === fresh) drop();
    });
    return fresh;
  };

  using undo = new DisposableStack();
  const events = ["job.changed", "slot.claimed", "slot.started", "slot.finished", "slot.skipped"] as const;
  undo.use(bus.subscribe("scheduler", events, drop, { onConnected: drop }));
  undo.use(watchFolder(paths.instar, { names: [basename(paths.jobs)], onNews: drop }));
  undo.use(watchFolder(paths.state("scheduler"), { names: [basename(schedulerViewPath(paths))], onNews: drop }));
  const held = undo.move();
  return {
    read() {
      if (!kept || !isFresh(kept)) kept = readAnew();
      return kept.views;
    },
    drop,
    [Symbol.dispose]: () => held.dispose(),
  };
}
