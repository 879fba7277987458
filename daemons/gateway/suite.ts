import { type SuiteStatus, readSuiteStatus } from "../../shared/agent-status.ts";
import type { Clock } from "../../shared/clock.ts";
import { type DaemonStatus, readStatus } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { watchFolder } from "../../shared/watch.ts";

/** A SIGKILL changes no file: the dead are looked for. */
const LOOK_MS = 1000;

/** What the daemons last said of themselves, at hand without reading a file. */
export interface Suite {
  status(): SuiteStatus;
  scheduler(): DaemonStatus | null;
}

/** Follows the status files of the suite. */
export async function followSuite(deps: {
  readonly paths: AgentPaths;
  readonly clock: Pick<Clock, "after">;
  readonly log: Pick<Log, "warn">;
}): Promise<Suite & AsyncDisposable> {
  const { paths, clock, log } = deps;
  const look = async (): Promise<{ status: SuiteStatus; scheduler: DaemonStatus | null }> => {
    const [status, scheduler] = await Promise.all([readSuiteStatus(paths), readStatus(paths, "scheduler")]);
    return { status, scheduler };
  };
  let seen = await look();
  let looking: Promise<void> | null = null;
  let timer: Disposable | null = null;
  let isNews = false;
  let isClosed = false;

  const lookAgain = async (): Promise<void> => {
    isNews = false;
    try {
      seen = await look();
    } catch (error) {
      log.warn({ error }, "cannot read the status of the suite; the last one stands");
    }
    if (isNews && !isClosed) await lookAgain();
    looking = null;
  };
  const news = (): void => {
    isNews = true;
    looking ??= lookAgain();
  };
  const lookByTime = (): void => {
    timer = clock.after(LOOK_MS, lookByTime);
    news();
  };
  const names = ["scheduler", "gateway", "supervisor"].map((name) => `${name}.status.json`);
  const watch = watchFolder(paths.run, { names, onNews: news });
  lookByTime();
  return {
    status: () => seen.status,
    scheduler: () => seen.scheduler,
    async [Symbol.asyncDispose]() {
      isClosed = true;
      timer?.[Symbol.dispose]();
      watch[Symbol.dispose]();
      await looking;
    },
  };
}
