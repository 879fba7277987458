import { closest } from "../config.ts";
import { InstarError } from "../errors.ts";

/** The clocks of a zone are set: from `at` on, local time is UTC + `afterMs`; until then it was UTC + `beforeMs`. */
export interface ZoneChange {
  readonly at: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** The local time of a zone. Instants are epoch milliseconds; a local time is what they would be if it were UTC. */
export interface Zone {
  readonly name: string;
  offsetAt(ms: number): number;
  /** Changes after `fromMs`, up to and with `toMs`, in order. */
  changes(fromMs: number, toMs: number): readonly ZoneChange[];
}

/** In a week no zone sets its clocks twice. */
const CELL_MS = 7 * 86_400_000;
const MAX_CELLS = 4096;
const zones = new Map<string, Zone>();

/** A zone by its IANA name. REQUEST_INVALID for one that is not known. */
export function openZone(name: string): Zone {
  const known = zones.get(name);
  if (known) return known;
  const zone = createZone(name);
  zones.set(name, zone);
  return zone;
}

interface Cell {
  readonly offsetMs: number;
  readonly change: ZoneChange | null;
}

function createZone(name: string): Zone {
  const offset = offsetReader(name);
  const cells = new Map<number, Cell>();
  const cellOf = (index: number): Cell => {
    const known = cells.get(index);
    if (known) return known;
    if (cells.size >= MAX_CELLS) cells.clear();
    const cell = readCell(offset, index * CELL_MS);
    cells.set(index, cell);
    return cell;
  };
  return {
    name,
    offsetAt(ms) {
      const { offsetMs, change } = cellOf(Math.floor(ms / CELL_MS));
      return change && ms >= change.at ? change.afterMs : offsetMs;
    },
    changes(fromMs, toMs) {
      const found: ZoneChange[] = [];
      for (let index = Math.floor(fromMs / CELL_MS); index * CELL_MS <= toMs; index += 1) {
        const { change } = cellOf(index);
        if (change && change.at > fromMs && change.at <= toMs) found.push(change);
      }
      return found;
    },
  };
}

/** The change in a cell is at its beginning at the earliest: one at its end belongs to the next. */
function readCell(offset: (ms: number) => number, startMs: number): Cell {
  let [before, after] = [startMs - 1, startMs + CELL_MS - 1];
  const [beforeMs, afterMs] = [offset(before), offset(after)];
  if (beforeMs === afterMs) return { offsetMs: beforeMs, change: null };
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offset(middle) === beforeMs) before = middle;
    else after = middle;
  }
  return { offsetMs: beforeMs, change: { at: after, beforeMs, afterMs } };
}

function offsetReader(name: string): (ms: number) => number {
  const format = openFormat(name);
  return (ms) => {
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(ms)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
  };
}

function openFormat(name: string): Intl.DateTimeFormat {
  const numeric = "numeric";
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const near = closest(name, Intl.supportedValuesOf("timeZone"));
    throw new InstarError("REQUEST_INVALID", `the time zone "${name}" is not known`, {
      hint: near === undefined ? "use an IANA name such as Europe/Berlin, or UTC" : `did you mean "${near}"?`,
    });
  }
}
