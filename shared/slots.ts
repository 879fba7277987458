/** The slot journal: what became of every due instant of every job, and what follows from it. */
export {
  ClaimedRecord,
  ConsideredRecord,
  FinishedRecord,
  GapRecord,
  Range,
  SkippedRecord,
  SlotRecord,
  Standing,
} from "./slots/records.ts";
export { applyRecord, checkpointOf, emptyLedger, type Ledger, type OpenSlot } from "./slots/ledger.ts";
export { jobsWithSlots, monthFiles, monthOf, slotFolder } from "./slots/files.ts";
export { loadLedger, readRecordsBackwards } from "./slots/load.ts";
export { HistoryEntry, readHistory, SlotEntry } from "./slots/history.ts";
