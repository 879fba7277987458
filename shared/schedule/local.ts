import type { Zone } from "./zone.ts";

/** Longer than any offset and any change of one: what surely lies before and after a local time. */
const AROUND_MS = 36 * 3_600_000;

/** When the clocks first show a local time; one that they pass over: the instant after. */
export function instantOf(localMs: number, zone: Zone): number {
  const changes = zone.changes(localMs - AROUND_MS, localMs + AROUND_MS);
  let offsetMs = zone.offsetAt(localMs - AROUND_MS);
  let since = Number.NEGATIVE_INFINITY;
  for (const { at, afterMs } of changes) {
    if (localMs - offsetMs < at) break;
    offsetMs = afterMs;
    since = at;
  }
  return Math.max(since, localMs - offsetMs);
}
