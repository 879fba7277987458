import { type SuiteStatus, readSuiteStatus } from "../../shared/agent-status.ts";
import type { Clock } from "../../shared/clock.ts";
import { type DaemonStatus, readStatus } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { hasProcess } from "../../shared/proc.ts";
import { watchFolder } from "../../shared/watch.ts";

/** What the file system did not tell is found so often. */
const LOOK_MS = 10_000;
/** A SIGKILL changes no file: the dead are looked for. */
const PULSE_MS = 1000;

/** What the daemons last said of themselves, at hand without reading a file. */
export interface Suite {
  status(): SuiteStatus;
  scheduler(): DaemonStatus | null;
}

/** Follows the status files of the suite. */
export async function followSuite(deps: {
  readonly paths: AgentPaths;
  readonly clock: Pick<Clock, "after" | "monotonicMs">;
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
  let lookedMs = clock.monotonicMs();
  const pulse = (): void => {
    timer = clock.after(PULSE_MS, pulse);
    const isDue = clock.monotonicMs() - lookedMs >= LOOK_MS;
    if (!isDue && Object.values(seen.status.daemons).every(({ pid }) => pid === null || hasProcess(pid))) return;
    lookedMs = clock.monotonicMs();
    news();
  };
  const names = ["scheduler", "gateway", "supervisor"].map((name) => `${name}.status.json`);
  const watch = watchFolder(paths.run, { names, onNews: news });
  pulse();
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
