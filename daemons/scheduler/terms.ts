import type { Clock } from "../../shared/clock.ts";
import type { Terms } from "./admission.ts";
import { type Quota, quotaRefusal, readQuota } from "./quota.ts";
import type { Settings } from "./settings.ts";

const READ_QUOTA_EVERY_MS = 1000;

/** What holds for all jobs alike, as config.json and the quota file have it now. */
export function createTerms(deps: {
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
  readonly settings: () => Settings;
  readonly onQuota: (quota: Quota) => void;
}): () => Promise<Terms> {
  const { clock } = deps;
  let quota: Quota = { status: "not_configured" };
  let readMs = Number.NEGATIVE_INFINITY;
  let readFrom: string | null = null;

  return async () => {
    const { isPaused, maxParallelJobs, quotaFile, quotaThresholds } = deps.settings();
    if (quotaFile !== readFrom || clock.monotonicMs() - readMs >= READ_QUOTA_EVERY_MS) {
      quota = await readQuota(quotaFile, clock.now());
      readMs = clock.monotonicMs();
      readFrom = quotaFile;
      deps.onQuota(quota);
    }
    return { isPaused, maxParallelJobs, quotaRefusal: (priority) => quotaRefusal(quota, priority, quotaThresholds) };
  };
}
