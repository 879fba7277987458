import { z } from "zod";
import { Usage } from "../claude.ts";
import type { ReadOptions } from "../journal.ts";
import type { AgentPaths } from "../paths.ts";
import { Instant, Outcome } from "../protocol.ts";
import { runIdOf } from "../runs.ts";
import { readRecordsBackwards } from "./load.ts";
import {
  type ClaimedRecord,
  ClaimTrigger,
  type FinishedRecord,
  type GapRecord,
  type SkippedRecord,
  type SlotRecord,
} from "./records.ts";

const attemptShape = {
  startedAt: Instant.nullable().describe("null: not begun yet, or never"),
  endedAt: Instant.nullable(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
};

/** One slot, told to its end. */
export const SlotEntry = z.object({
  dueAt: Instant,
  outcome: z
    .enum([...Outcome.options, "skipped"])
    .nullable()
    .describe("null: it goes on"),
  reason: z.string().optional(),
  trigger: ClaimTrigger.optional().describe("what made the first attempt"),
  runId: z.string().optional().describe("of the last attempt"),
  retryAt: Instant.optional().describe("when the next attempt is due"),
  attempts: z.array(z.object({ ...attemptShape, attempt: z.int(), outcome: Outcome.nullable() })),
  ...attemptShape,
  usage: Usage.optional().describe("of all attempts"),
  costUsd: z.number().optional().describe("of all attempts"),
  sessionId: z.string().optional().describe("of the last attempt"),
});

/** Instants that got no slots. */
export const GapEntry = z.object({
  from: Instant.describe("after this instant"),
  to: Instant.describe("up to and with this one"),
  count: z.int(),
  outcome: z.literal("missed"),
  reason: z.string(),
});

export const HistoryEntry = z.union([SlotEntry, GapEntry]);
export type HistoryEntry = z.output<typeof HistoryEntry>;
export type SlotEntry = z.output<typeof SlotEntry>;

type RecordOfSlot = ClaimedRecord | SkippedRecord | FinishedRecord;

/** A slot has a few records; more than this for each entry wanted are read only when old slots are still open. */
const MAX_RECORDS_PER_ENTRY = 20;

/** What became of the last instants of a job, newest first; reads no more of its journal than that needs. */
export async function readHistory(
  paths: AgentPaths,
  slug: string,
  { limit, onDamage }: ReadOptions & { readonly limit: number },
): Promise<HistoryEntry[]> {
  const records: SlotRecord[] = [];
  /** Slots of which not everything was seen yet. */
  const unfinished = new Set<string>();
  let whole = 0;
  for await (const record of readRecordsBackwards(paths, slug, onDamage && { onDamage })) {
    const isWhole = record.type === "gap" || (record.type === "claimed" && record.attempt === 1);
    if (isWhole && whole >= limit && unfinished.size === 0) break;
    if (records.length >= MAX_RECORDS_PER_ENTRY * (limit + 1)) break;
    records.push(record);
    if (isWhole) whole += 1;
    if (!("slot" in record)) continue;
    if (isWhole) unfinished.delete(record.slot);
    else unfinished.add(record.slot);
  }
  return entriesOf(slug, records.reverse())
    .sort((a, b) => (instantOf(a) < instantOf(b) ? 1 : -1))
    .slice(0, limit);
}

function instantOf(entry: HistoryEntry): string {
  return "dueAt" in entry ? entry.dueAt : entry.to;
}

function entriesOf(slug: string, records: readonly SlotRecord[]): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  const slots = new Map<string, SlotEntry>();
  for (const record of records) {
    if (record.type === "gap") entries.push(gapEntry(record));
    if (!("slot" in record)) continue;
    slots.set(record.slot, withRecord(slug, slots.get(record.slot) ?? newEntry(record.slot), record));
  }
  return [...entries, ...slots.values()];
}

function gapEntry({ from, to, count, reason, detail }: GapRecord): HistoryEntry {
  return { from, to, count, outcome: "missed", reason: detail === undefined ? reason : `${reason}: ${detail}` };
}

const NOT_RUN = { startedAt: null, endedAt: null, exitCode: null, signal: null };

function newEntry(slot: string): SlotEntry {
  return { dueAt: slot, outcome: null, attempts: [], ...NOT_RUN };
}

function withRecord(slug: string, entry: SlotEntry, record: RecordOfSlot): SlotEntry {
  if (record.type === "finished") return withEnd(slug, entry, record);
  if (record.type === "skipped")
    return { ...entry, outcome: "skipped", reason: reasonOf(record), attempts: started(entry.attempts) };
  const { retryAt: _, ...rest } = entry;
  const { attempt, trigger } = record;
  const attempts = [...entry.attempts, { attempt, outcome: null, ...NOT_RUN }];
  const runId = runIdOf({ slug, slot: record.slot, attempt });
  return { ...rest, ...NOT_RUN, outcome: null, trigger: entry.trigger ?? trigger, runId, attempts };
}

function reasonOf({ reason, detail }: SkippedRecord): string {
  return detail === undefined ? reason : `${reason}: ${detail}`;
}

/** An attempt that was claimed and then refused never was one. */
function started(attempts: SlotEntry["attempts"]): SlotEntry["attempts"] {
  return attempts.filter(({ outcome }) => outcome !== null);
}

function withEnd(slug: string, entry: SlotEntry, record: FinishedRecord): SlotEntry {
  const { slot, attempt, outcome, startedAt, endedAt, exitCode, signal, reason, retryAt, retrySkipped } = record;
  const end = { startedAt, endedAt, exitCode, signal };
  const runId = runIdOf({ slug, slot, attempt });
  if (retrySkipped !== undefined) {
    const refused = `${reason === undefined ? "" : `${reason}; `}not tried again: ${retrySkipped}`;
    const { retryAt: _, ...rest } = entry;
    return { ...rest, ...end, outcome, reason: refused, runId, attempts: started(entry.attempts) };
  }
  const others = entry.attempts.filter((other) => other.attempt !== attempt);
  const { reason: _reason, sessionId: _session, ...rest } = entry;
  return {
    ...rest,
    ...end,
    runId,
    outcome: retryAt === undefined ? outcome : null,
    ...(reason === undefined ? {} : { reason }),
    ...(retryAt === undefined ? {} : { retryAt }),
    ...(record.sessionId === undefined ? {} : { sessionId: record.sessionId }),
    ...billOf(entry, record),
    attempts: [...others, { attempt, outcome, ...end }],
  };
}

function billOf(entry: SlotEntry, { usage, costUsd }: FinishedRecord): Pick<SlotEntry, "usage" | "costUsd"> {
  const cost = costUsd === undefined ? entry.costUsd : (entry.costUsd ?? 0) + costUsd;
  const before = entry.usage;
  const sum =
    usage && before
      ? {
          inputTokens: usage.inputTokens + before.inputTokens,
          outputTokens: usage.outputTokens + before.outputTokens,
          cacheReadTokens: usage.cacheReadTokens + before.cacheReadTokens,
          cacheCreationTokens: usage.cacheCreationTokens + before.cacheCreationTokens,
        }
      : (usage ?? before);
  return { ...(cost === undefined ? {} : { costUsd: cost }), ...(sum === undefined ? {} : { usage: sum }) };
}
