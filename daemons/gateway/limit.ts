import type { Clock } from "../../shared/clock.ts";
import { InstarError } from "../../shared/errors.ts";

/** Too many at once; `retryAfterS` is when there is room again. */
export class RateLimited extends InstarError {
  readonly retryAfterS: number;

  constructor(what: string, retryAfterS: number) {
    super("RATE_LIMITED", `too many ${what}`, { hint: `try again in ${retryAfterS} s` });
    this.retryAfterS = retryAfterS;
  }
}

/** At most `max` takes within any `windowMs`: the window slides. A take that is refused does not count. */
export function createLimit(
  what: string,
  {
    max,
    windowMs,
    clock,
  }: { readonly max: number; readonly windowMs: number; readonly clock: Pick<Clock, "monotonicMs"> },
): { take(): void } {
  let taken: number[] = [];
  return {
    take() {
      const nowMs = clock.monotonicMs();
      taken = taken.filter((atMs) => nowMs - atMs < windowMs);
      const [oldest] = taken;
      if (oldest !== undefined && taken.length >= max)
        throw new RateLimited(what, Math.ceil((oldest + windowMs - nowMs) / 1000));
      taken.push(nowMs);
    },
  };
}
