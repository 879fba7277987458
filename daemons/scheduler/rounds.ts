import type { Clock } from "../../shared/clock.ts";

export interface Rounds {
  /** Something may have happened: the next round comes now, or right after the one that is on. */
  look(): void;
  /** Goes round until the signal; rejects with what a round threw. */
  keep(signal: AbortSignal): Promise<void>;
}

/** Whatever was not told, and every step of the wall clock, is found after so long. */
const RESCAN_MS = 5000;

/**
 * The one loop. `round` says in how many milliseconds it has to come again; it comes earlier when there is news, and at
 * the latest for the rescan. Waits go by monotonic time.
 */
export function createRounds(clock: Pick<Clock, "after">, round: () => Promise<number>): Rounds {
  let isNews = true;
  let wake = (): void => undefined;

  const wait = (waitMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.after(Math.min(Math.max(0, Math.ceil(waitMs)), RESCAN_MS), () => wake());
      wake = () => {
        timer[Symbol.dispose]();
        signal.removeEventListener("abort", wake);
        wake = () => undefined;
        resolve();
      };
      signal.addEventListener("abort", wake, { once: true });
      if (isNews || signal.aborted) wake();
    });

  return {
    look() {
      isNews = true;
      wake();
    },
    async keep(signal) {
      while (!signal.aborted) {
        isNews = false;
        await wait(await round(), signal);
      }
    },
  };
}
