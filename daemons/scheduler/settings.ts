import { resolve } from "node:path";
import type { Config } from "../../shared/config.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import type { QuotaThresholds } from "./quota.ts";

/** What of config.json decides over slots. */
export interface Settings {
  readonly isPaused: boolean;
  readonly maxParallelJobs: number;
  /** Of schedules that name none. */
  readonly timezone: string;
  /** Null: none is configured. */
  readonly quotaFile: string | null;
  readonly quotaThresholds: QuotaThresholds;
}

export function settingsOf({ scheduler, monitoring }: Config, { dir }: Pick<AgentPaths, "dir">): Settings {
  return {
    isPaused: !scheduler.enabled,
    maxParallelJobs: scheduler.maxParallelJobs,
    timezone: scheduler.timezone,
    quotaFile: monitoring.quotaFile === null ? null : resolve(dir, monitoring.quotaFile),
    quotaThresholds: scheduler.quotaThresholds,
  };
}
