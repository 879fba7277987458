import { createHash } from "node:crypto";
import type { Bus } from "../../shared/bus.ts";
import { isoInstant } from "../../shared/clock.ts";
import type { EventRecord } from "../../shared/events.ts";
import type { InvalidJob } from "../../shared/jobs.ts";
import { Slug } from "../../shared/protocol.ts";
import type { SlotRecord } from "../../shared/slots.ts";
import type { Book } from "./job-book.ts";

/** Says on the bus what a record means; the files tell it to those who were not there. */
export function publishRecord(bus: Pick<Bus, "publish">, slug: string, record: SlotRecord): void {
  if (record.type === "claimed") {
    const { slot, attempt } = record;
    bus.publish("slot.claimed", { slug, slot, attempt });
  }
  if (record.type === "skipped") bus.publish("slot.skipped", { slug, slot: record.slot, reason: record.reason });
  if (record.type === "finished" && record.retrySkipped === undefined) {
    const { slot, attempt, outcome, startedAt, endedAt } = record;
    const durationMs = startedAt === null ? 0 : Math.max(0, Date.parse(endedAt) - Date.parse(startedAt));
    bus.publish("slot.finished", { slug, slot, attempt, outcome, durationMs });
  }
}

/** Finds the entries of jobs.json that were not told of yet; each is told once as long as its fault stays the same. */
export function createInvalidNotices(): { of(book: Book): EventRecord[] } {
  let known = new Set<string>();
  return {
    of(book) {
      const faults = new Map(book.invalid.map((entry) => [nameOf(entry), entry]));
      const fresh = [...faults].filter(([name]) => !known.has(name));
      known = new Set(faults.keys());
      return fresh.map(([name, entry]) => invalidEvent(name, entry, book.writtenAt));
    },
  };
}

function nameOf({ index, slug, reason }: InvalidJob): string {
  return createHash("sha256")
    .update(`${slug ?? index} ${reason}`)
    .digest("hex")
    .slice(0, 16);
}

/** At the time of the file: after a restart it is the same event again. */
function invalidEvent(name: string, { slug, reason }: InvalidJob, writtenAt: number): EventRecord {
  return {
    id: `invalid:${Math.trunc(writtenAt)}:${name}`,
    type: "job_invalid",
    level: "error",
    at: isoInstant(writtenAt),
    message: `an entry of jobs.json is not valid and does not run: ${reason}`,
    ...(Slug.safeParse(slug).success && slug !== undefined ? { slug } : {}),
    reason,
  };
}

/** For people: what of jobs.json does not run; null: all does. */
export function invalidConcern({ invalid }: Book): string | null {
  const [first] = invalid;
  if (!first) return null;
  return invalid.length === 1 ? first.reason : `${invalid.length} entries are not valid; ${first.reason}`;
}
