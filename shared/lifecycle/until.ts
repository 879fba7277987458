import { type Clock, pause } from "../clock.ts";

/** Asks until there is an answer that is not null, or `timeoutMs` have passed: then null. */
export async function until<T>(
  ask: () => Promise<T | null>,
  { clock, timeoutMs, everyMs = 50 }: { readonly clock: Clock; readonly timeoutMs: number; readonly everyMs?: number },
): Promise<T | null> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found !== null || clock.monotonicMs() >= deadlineMs) return found;
    await pause(clock, everyMs);
  }
}
