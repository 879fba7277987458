import { isoInstant } from "../clock.ts";
import type { Outcome } from "../protocol.ts";
import type {
  CheckpointRecord,
  ClaimedRecord,
  ClaimTrigger,
  ConsideredRecord,
  FinishedRecord,
  Range,
  SlotRecord,
  Standing,
} from "./records.ts";

/** A slot without its last word. */
export interface OpenSlot {
  readonly slot: string;
  /** The attempt that goes on or, with `retryAt`, that failed. */
  readonly attempt: number;
  readonly trigger: ClaimTrigger;
  /** When this attempt was claimed. */
  readonly claimedAt: string;
  /** What made the first attempt: a retry is not one of these. */
  readonly firstTrigger: ClaimTrigger;
  /** The name of the wish, for a manual one. */
  readonly id?: string | undefined;
  /** The attempt before, which failed, or this one when `retryAt` is set. */
  readonly failed?: FinishedRecord | undefined;
  /** When the next attempt is due: this one has ended. */
  readonly retryAt?: string | undefined;
}

/** What follows from the slot journal of one job. Never changed: `applyRecord` makes the next. */
export interface Ledger {
  /** Epoch milliseconds: every instant up to it is dealt with. Null: the job was never seen. */
  readonly watermark: number | null;
  /** Text and zone of the schedule that the watermark belongs to. */
  readonly schedule: string | null;
  readonly standing: Standing | null;
  /** By slot, in the order of their claims. */
  readonly open: ReadonlyMap<string, OpenSlot>;
  /** Slots in a row whose last word is failure, timeout or lost. */
  readonly consecutiveFailures: number;
  /** The first of them. */
  readonly failingSince: string | null;
  /** When the last attempt that ended had started. */
  readonly lastRun: string | null;
  readonly lastOutcome: Outcome | null;
  /** Where every instant of the schedule was claimed, in order; what lies before the last few is forgotten. */
  readonly claimed: readonly Range[];
  /** Records since the last checkpoint. */
  readonly sinceCheckpoint: number;
}

/** More stretches than a clock that is set back can reach; each gap begins a new one. */
const MAX_CLAIMED_RANGES = 32;

export function emptyLedger(): Ledger {
  return {
    watermark: null,
    schedule: null,
    standing: null,
    open: new Map(),
    consecutiveFailures: 0,
    failingSince: null,
    lastRun: null,
    lastOutcome: null,
    claimed: [],
    sinceCheckpoint: 0,
  };
}

/** The ledger after one more record. Pure. */
export function applyRecord(ledger: Ledger, record: SlotRecord): Ledger {
  if (record.type === "checkpoint") return fromCheckpoint(record);
  return { ...ledger, ...changes(ledger, record), sinceCheckpoint: ledger.sinceCheckpoint + 1 };
}

function changes(ledger: Ledger, record: Exclude<SlotRecord, CheckpointRecord>): Partial<Ledger> {
  if (record.type === "considered") return considered(ledger, record);
  if (record.type === "claimed") return claimed(ledger, record);
  if (record.type === "gap") return { watermark: latest(ledger.watermark, Date.parse(record.to)) };
  if (record.type === "skipped") return { open: without(ledger.open, record.slot) };
  return finished(ledger, record);
}

function considered(ledger: Ledger, record: ConsideredRecord): Partial<Ledger> {
  const { until, schedule, standing, claimedAhead = [] } = record;
  const before = ledger.claimed.flatMap(({ from, to }) => {
    const end = earlier(to, until);
    return from < end ? [{ from, to: end }] : [];
  });
  return { watermark: Date.parse(until), schedule, standing, claimed: [...before, ...claimedAhead] };
}

function claimed(ledger: Ledger, record: ClaimedRecord): Partial<Ledger> {
  const { slot, attempt, trigger, at: claimedAt, id } = record;
  const first = ledger.open.get(slot);
  const open = new Map(ledger.open);
  const firstTrigger = first?.firstTrigger ?? trigger;
  open.set(slot, { slot, attempt, trigger, claimedAt, firstTrigger, id: id ?? first?.id, failed: first?.failed });
  if (trigger === "manual" || trigger === "retry") return { open };
  return { open, watermark: latest(ledger.watermark, Date.parse(slot)), claimed: withClaim(ledger, slot) };
}

/** Between the watermark and the next claim lies no other instant, or it was claimed ahead. */
function withClaim({ claimed, watermark }: Ledger, slot: string): readonly Range[] {
  const slotMs = Date.parse(slot);
  const from = watermark === null || watermark >= slotMs ? isoInstant(slotMs - 1) : isoInstant(watermark);
  const ranges = claimed.filter((range) => range.to < from || range.from > slot);
  const touching = claimed.filter((range) => range.to >= from && range.from <= slot);
  const merged = touching.reduce((a, b) => ({ from: earlier(a.from, b.from), to: later(a.to, b.to) }), {
    from,
    to: slot,
  });
  return limited([...ranges, merged].sort((a, b) => (a.from < b.from ? -1 : 1)));
}

/** The oldest two become one: what lies between them were gaps, which then would not come again. */
function limited(ranges: readonly Range[]): readonly Range[] {
  const [first, second, ...rest] = ranges;
  if (ranges.length <= MAX_CLAIMED_RANGES || !first || !second) return ranges;
  return [{ from: first.from, to: second.to }, ...rest];
}

function finished(ledger: Ledger, record: FinishedRecord): Partial<Ledger> {
  const { slot, retryAt, retrySkipped, startedAt, outcome } = record;
  const last = retrySkipped === undefined ? { lastRun: startedAt ?? ledger.lastRun, lastOutcome: outcome } : {};
  const current = ledger.open.get(slot);
  if (retryAt !== undefined && current) {
    const open = new Map(ledger.open).set(slot, { ...current, failed: record, retryAt });
    return { ...last, open };
  }
  return { ...last, ...streak(ledger, record), open: without(ledger.open, slot) };
}

/** Work that somebody ended says nothing about the job. */
function streak(ledger: Ledger, { slot, outcome }: FinishedRecord): Partial<Ledger> {
  if (outcome === "killed") return {};
  if (outcome === "success") return { consecutiveFailures: 0, failingSince: null };
  return { consecutiveFailures: ledger.consecutiveFailures + 1, failingSince: ledger.failingSince ?? slot };
}

/** A ledger as a record of its journal. */
export function checkpointOf(ledger: Ledger, atMs: number): CheckpointRecord {
  const { watermark, open, claimed, sinceCheckpoint: _, ...rest } = ledger;
  const until = watermark === null ? null : isoInstant(watermark);
  return {
    v: 1,
    type: "checkpoint",
    at: isoInstant(atMs),
    until,
    claimed: [...claimed],
    open: [...open.values()],
    ...rest,
  };
}

function fromCheckpoint(record: CheckpointRecord): Ledger {
  const { v: _v, at: _at, type: _type, until, open, ...rest } = record;
  return {
    ...rest,
    watermark: until === null ? null : Date.parse(until),
    open: new Map(open.map((slot) => [slot.slot, slot])),
    sinceCheckpoint: 0,
  };
}

function without(open: ReadonlyMap<string, OpenSlot>, slot: string): ReadonlyMap<string, OpenSlot> {
  const rest = new Map(open);
  rest.delete(slot);
  return rest;
}

function latest(a: number | null, b: number): number {
  return a === null ? b : Math.max(a, b);
}

/** Instants of one form are ordered as their texts are. */
function earlier(a: string, b: string): string {
  return a < b ? a : b;
}

function later(a: string, b: string): string {
  return a < b ? b : a;
}
