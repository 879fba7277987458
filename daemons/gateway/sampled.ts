import type { Clock } from "../../shared/clock.ts";

/** A number that costs a system call, read anew when somebody asks for it and the last reading is `everyMs` old. */
export function sampled(
  read: () => number,
  { everyMs, clock }: { readonly everyMs: number; readonly clock: Pick<Clock, "monotonicMs"> },
): () => number {
  let last: { readonly value: number; readonly atMs: number } | null = null;
  return () => {
    const nowMs = clock.monotonicMs();
    if (!last || nowMs - last.atMs >= everyMs) last = { value: read(), atMs: nowMs };
    return last.value;
  };
}
