import { z } from "zod";
import { readOthersFile } from "../../shared/config.ts";
import { describeError, systemCode } from "../../shared/errors.ts";
import type { SkipCause } from "../../shared/protocol.ts";

/** Written by others: what we do not know in it is none of our business. */
const QuotaFile = z.object({
  usagePercent: z.number().nonnegative(),
  fiveHourPercent: z.number().nonnegative().optional(),
  lastUpdated: z.iso.datetime({ offset: true }),
});

/** What is known of the usage. Only `ok` holds anybody back; the others say why nothing is known. */
export type Quota =
  | { readonly status: "not_configured" }
  | { readonly status: "no_data" | "stale"; readonly detail: string }
  | { readonly status: "ok"; readonly usagePercent: number; readonly fiveHourPercent: number | null };

export interface QuotaThresholds {
  readonly normal: number;
  readonly elevated: number;
  readonly critical: number;
  readonly shutdown: number;
}

type Priority = "critical" | "high" | "normal" | "low";

const STALE_MS = 30 * 60_000;
/** Clocks of two machines differ; a file from further ahead tells of a time that has not come. */
const AHEAD_MS = 5 * 60_000;
const FIVE_HOUR_CRITICAL = 80;
const MAX_BYTES = 1_048_576;

export async function readQuota(file: string | null, nowMs: number): Promise<Quota> {
  if (file === null) return { status: "not_configured" };
  try {
    return parseQuota(await readOthersFile(file, MAX_BYTES), file, nowMs);
  } catch (error) {
    const detail = systemCode(error) === "ENOENT" ? `${file} does not exist` : describeError(error);
    return { status: "no_data", detail };
  }
}

export function parseQuota(text: string, file: string, nowMs: number): Quota {
  const parsed = QuotaFile.safeParse(parseLoosely(text));
  if (!parsed.success) {
    const where = parsed.error.issues.map(({ path }) => path.join(".")).filter(Boolean);
    const what = where.length === 0 ? "is no JSON object" : `has no usable ${where.join(", ")}`;
    return { status: "no_data", detail: `${file} ${what}` };
  }
  const { usagePercent, fiveHourPercent, lastUpdated } = parsed.data;
  const ageMs = nowMs - Date.parse(lastUpdated);
  const minutes = Math.round(Math.abs(ageMs) / 60_000);
  if (ageMs > STALE_MS) return { status: "stale", detail: `${file} was written ${minutes} minutes ago` };
  if (ageMs < -AHEAD_MS) return { status: "stale", detail: `${file} is dated ${minutes} minutes ahead` };
  return { status: "ok", usagePercent, fiveHourPercent: fiveHourPercent ?? null };
}

function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Null: it may run. Critical jobs are never held back. */
export function quotaRefusal(quota: Quota, priority: Priority, thresholds: QuotaThresholds): SkipCause | null {
  if (quota.status !== "ok" || priority === "critical") return null;
  const { usagePercent, fiveHourPercent } = quota;
  const refusal = (what: string, percent: number, from: number, who: string): SkipCause => ({
    reason: "quota",
    detail: `${what} usage is ${percent} %; from ${from} % on ${who}`,
  });
  const strict = Math.min(thresholds.critical, thresholds.shutdown);
  if (usagePercent >= strict) return refusal("weekly", usagePercent, strict, "only critical jobs run");
  if (fiveHourPercent !== null && fiveHourPercent >= FIVE_HOUR_CRITICAL)
    return refusal("five-hour", fiveHourPercent, FIVE_HOUR_CRITICAL, "only critical jobs run");
  if (usagePercent >= thresholds.elevated && priority !== "high")
    return refusal("weekly", usagePercent, thresholds.elevated, "only critical and high jobs run");
  if (usagePercent >= thresholds.normal && priority === "low")
    return refusal("weekly", usagePercent, thresholds.normal, "no low jobs run");
  return null;
}
