import { join } from "node:path";
import { readJournalBackwards, type ReadOptions } from "../journal.ts";
import type { AgentPaths } from "../paths.ts";
import { monthFiles, slotFolder } from "./files.ts";
import { applyRecord, emptyLedger, type Ledger } from "./ledger.ts";
import { SlotRecord } from "./records.ts";

export interface LoadedLedger {
  readonly ledger: Ledger;
  /** The last records, oldest first: since a checkpoint, or from the beginning. */
  readonly recent: readonly SlotRecord[];
  /** The ledger before the first of `recent`. */
  readonly before: Ledger;
}

/**
 * What the journal of one job comes to. Reads back to the last checkpoint, and further until there are `recentMin`
 * records: a long history costs nothing. An unknown job has an empty ledger.
 */
export async function loadLedger(
  paths: AgentPaths,
  slug: string,
  { recentMin = 0, onDamage }: ReadOptions & { readonly recentMin?: number } = {},
): Promise<LoadedLedger> {
  const recent: SlotRecord[] = [];
  let before = emptyLedger();
  for await (const record of readRecordsBackwards(paths, slug, onDamage && { onDamage })) {
    if (record.type === "checkpoint" && recent.length >= recentMin) {
      before = applyRecord(before, record);
      break;
    }
    recent.push(record);
  }
  recent.reverse();
  return { ledger: recent.reduce(applyRecord, before), recent, before };
}

/** The records of one job, newest first: reads as much as the caller takes. */
export async function* readRecordsBackwards(
  paths: AgentPaths,
  slug: string,
  options?: ReadOptions,
): AsyncGenerator<SlotRecord> {
  for (const name of (await monthFiles(paths, slug)).reverse())
    yield* readJournalBackwards(join(slotFolder(paths, slug), name), SlotRecord, options);
}
