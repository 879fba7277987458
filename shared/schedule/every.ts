import { InstarError } from "../errors.ts";
import type { Instants } from "../schedule.ts";

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const TEN_YEARS_SECONDS = 10 * 366 * 86_400;

/** `90m`, `1h30m`, `2d`: multiples since the epoch, so that no restart moves them and zones do not matter. */
export function parseEvery(text: string): Instants {
  const seconds = secondsOf(text);
  const periodMs = seconds * 1000;
  return {
    next: (after) => (Math.floor(after / periodMs) + 1) * periodMs,
    count: (from, to) => Math.max(0, Math.floor(to / periodMs) - Math.floor(from / periodMs)),
    description: `every ${text}`,
  };
}

function secondsOf(text: string): number {
  const fail = (why: string): never => {
    const hint = 'write a number and a unit, s m h d or w: "@every 90m", "@every 1h30m"';
    throw new InstarError("REQUEST_INVALID", `the schedule "${`@every ${text}`.trim()}" ${why}`, { hint });
  };
  const compact = text.replaceAll(" ", "");
  if (compact === "") return fail("lacks its period");
  if (!/^(\d+[smhdw])+$/.test(compact)) return fail("has a period that cannot be read");
  const parts = [...compact.matchAll(/(\d+)([smhdw])/g)];
  const seconds = parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (UNIT_SECONDS[unit] ?? 0), 0);
  if (seconds < 1) return fail("has a period of nothing");
  return seconds > TEN_YEARS_SECONDS ? fail("has a period of more than ten years") : seconds;
}
