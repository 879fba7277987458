/** Time, injected everywhere so that tests can step it. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump in either direction. */
  now(): number;
  /** Milliseconds that only grow, from an arbitrary origin. */
  monotonicMs(): number;
  /** Calls `act` once after `delayMs` of monotonic time, unless disposed before. */
  after(delayMs: number, act: () => void): Disposable;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, act) {
    // setTimeout overflows above 2^31-1 ms and would fire at once.
    const timer = setTimeout(act, Math.min(Math.max(0, delayMs), 0x7fff_ffff));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** Resolves after `delayMs`, or at once with `signal` (it does not reject: the caller looks at the signal). */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    const stop = (): void => {
      timer[Symbol.dispose]();
      resolve();
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** An instant as every file and answer writes it: ISO 8601, UTC, milliseconds. */
export function isoInstant(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
