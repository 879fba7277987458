import type { Clock } from "../../shared/clock.ts";

export interface FakeClock extends Clock {
  /** Lets time pass: timers fire in order, each followed by what hangs on it. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock alone, as a person or NTP does. */
  step(ms: number): void;
}

export function createFakeClock(startMs: number = Date.parse("2026-11-20T12:00:00.000Z")): FakeClock {
  const timers = new Set<{ readonly dueMs: number; readonly act: () => void }>();
  let monotonicMs = 0;
  let wallMs = startMs;
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  return {
    now: () => wallMs,
    monotonicMs: () => monotonicMs,
    after(delayMs, act) {
      const timer = { dueMs: monotonicMs + Math.max(0, delayMs), act };
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
    async advance(ms) {
      const endMs = monotonicMs + ms;
      await settle();
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
        const untilMs = next?.dueMs ?? endMs;
        wallMs += untilMs - monotonicMs;
        monotonicMs = untilMs;
        if (!next) return;
        timers.delete(next);
        next.act();
        await settle();
      }
    },
    step(ms) {
      wallMs += ms;
    },
  };
}
