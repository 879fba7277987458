import { isoInstant } from "../clock.ts";
import { InstarError } from "../errors.ts";
import type { Instants } from "../schedule.ts";
import { instantOf } from "./local.ts";
import type { Zone } from "./zone.ts";

const FORM = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(Z|[+-]\d{2}:\d{2})?$/;

/** `2026-12-24T18:00`, local time of the zone, or with `Z` or an offset. */
export function parseOnce(text: string, zone: Zone): Instants {
  const at = instantIn(text, zone);
  return {
    next: (after) => (after < at ? at : null),
    count: (from, to) => (from < at && at <= to ? 1 : 0),
    description: `once at ${text} (${zone.name})`,
  };
}

function instantIn(text: string, zone: Zone): number {
  const fail = (why: string, hint: string): never => {
    throw new InstarError("REQUEST_INVALID", `the schedule "${`@at ${text}`.trim()}" ${why}`, { hint });
  };
  const found = FORM.exec(text);
  if (!found) return fail("has a time that cannot be read", 'write it as "@at 2026-12-24T18:00"');
  const [, date, time, seconds = ":00", offset] = found;
  const localMs = Date.parse(`${date}T${time}${seconds}.000Z`);
  // Date.parse takes February 30th for March 2nd.
  if (Number.isNaN(localMs) || isoInstant(localMs).slice(0, 16) !== `${date}T${time}`)
    return fail("names a time that is in no calendar", "correct the month, the day or the time");
  if (offset === undefined) return instantOf(localMs, zone);
  const at = Date.parse(`${date}T${time}${seconds}.000${offset}`);
  return Number.isNaN(at) ? fail("has an offset that is none", 'write it as "+02:00", or leave it out') : at;
}
