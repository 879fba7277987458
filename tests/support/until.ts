import { setTimeout as delay } from "node:timers/promises";

/** Waits until a fact is true, and returns it. A fact that throws is not true yet; what it threw is told at the end. */
export async function until<T>(
  fact: () => T | Promise<T>,
  { timeoutMs = 60_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Exclude<T, false | null | undefined | 0 | "">> {
  const deadlineMs = performance.now() + timeoutMs;
  for (let cause: unknown; ;) {
    try {
      const found = await fact();
      if (found) return found as Exclude<T, false | null | undefined | 0 | "">;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadlineMs)
      throw new Error(`waited ${timeoutMs} ms in vain for ${String(fact)}`, { cause });
    await delay(everyMs);
  }
}
