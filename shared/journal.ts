/**
 * Journals: JSON lines, appended by one writer, one `write` a line. A line counts with its newline: a torn last one was
 * never acknowledged and is dropped; a damaged one in the middle is reported and skipped.
 */
export { openJournal } from "./journal/append.ts";
export type { Journal } from "./journal/append.ts";
export type { Damage, ReadOptions } from "./journal/lines.ts";
export { readJournal, readJournalBackwards } from "./journal/read.ts";
