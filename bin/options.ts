import { misuse } from "./misuse.ts";

/** A number as it was written; what is none stays text, for the schema to refuse by name. */
export function numeric(text: string): number | string {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? text : value;
}

/** Makes a parser of an option that takes a whole number within bounds. */
export function wholeNumber(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,12}$/.test(text) && value >= least && value <= most) return value;
    throw misuse(`${option} is "${text}", and must be a whole number from ${least} to ${most}`);
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30m`, `2h`, `7d` ago, or an instant: milliseconds since the epoch. */
export function sinceMs(text: string, nowMs: number): number {
  const [, count = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  if (unitMs !== undefined) return nowMs - Number(count) * unitMs;
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw misuse(`--since is "${text}", and must be like 30m, 2h, 7d or 2026-11-21T08:30`);
}
