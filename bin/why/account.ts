import { readEvents, type EventRecord } from "../../shared/events.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { gateFolder, readWitness, runFolder, runIdOf } from "../../shared/runs.ts";
import {
  type ConsideredRecord,
  type GapRecord,
  monthFiles,
  readRecordsBackwards,
  type SlotRecord,
} from "../../shared/slots.ts";
import { readTail } from "../tail.ts";

type OfSlot = Extract<SlotRecord, { slot: string }>;
type Witness = Awaited<ReturnType<typeof readWitness>>;

/** What is recorded of one attempt, in its own folder. */
export interface RunAccount {
  readonly runId: string;
  readonly attempt: number;
  readonly folder: string;
  readonly gate: Witness | null;
  readonly run: Witness;
  /** The last of what it said. */
  readonly output: string | null;
}

/** Everything that is recorded of one due instant. */
export interface SlotAccount {
  readonly slug: string;
  readonly slot: string;
  /** Oldest first: claims, skips, ends. */
  readonly records: readonly OfSlot[];
  /** The record that dealt with the instant without a slot of its own. */
  readonly passedOver: GapRecord | ConsideredRecord | null;
  readonly runs: readonly RunAccount[];
  readonly events: readonly EventRecord[];
}

const OUTPUT_BYTES = 4096;

/** Reads the account of a slot from the files alone. */
export async function readAccount(paths: AgentPaths, slug: string, slot: string): Promise<SlotAccount> {
  const { records, passedOver } = await findRecords(paths, slug, slot);
  const attempts = [...new Set(records.map(({ attempt }) => attempt))];
  const runs = await Promise.all(attempts.map((attempt) => readRun(paths, { slug, slot, attempt })));
  const events = (await monthFiles(paths, slug)).length === 0 ? [] : await eventsOf(paths, slug, slot);
  return { slug, slot, records, passedOver, runs, events };
}

/** From the newest record back to the first claim of the slot, or to where the instant was passed over. */
async function findRecords(
  paths: AgentPaths,
  slug: string,
  slot: string,
): Promise<Pick<SlotAccount, "records" | "passedOver">> {
  const records: OfSlot[] = [];
  let considered: ConsideredRecord | null = null;
  for await (const record of readRecordsBackwards(paths, slug)) {
    if ("slot" in record && record.slot === slot) {
      records.unshift(record);
      if (record.type === "claimed" && record.attempt === 1) break;
    }
    if (records.length > 0) continue;
    if (record.type === "gap" && record.from < slot && slot <= record.to) return { records, passedOver: record };
    if (record.type === "considered" && record.until >= slot) considered = record;
    else if (considered && endsBefore(record, slot)) break;
  }
  return { records, passedOver: records.length > 0 ? null : considered };
}

/** Whether everything up to this record was about earlier instants. */
function endsBefore(record: SlotRecord, slot: string): boolean {
  if (record.type === "considered" || record.type === "checkpoint") return record.until !== null && record.until < slot;
  if (record.type === "gap") return record.to < slot;
  return record.type === "claimed" && record.trigger === "schedule" && record.slot < slot;
}

async function readRun(
  paths: AgentPaths,
  key: { readonly slug: string; readonly slot: string; readonly attempt: number },
): Promise<RunAccount> {
  const folder = runFolder(paths, key);
  const [run, gate, output] = await Promise.all([
    readWitness(folder),
    readWitness(gateFolder(folder)),
    readTail(`${folder}/output`, OUTPUT_BYTES),
  ]);
  const hasGate = gate.begun !== null || gate.exit !== null || gate.stop !== null;
  return { runId: runIdOf(key), attempt: key.attempt, folder, gate: hasGate ? gate : null, run, output };
}

const DAYS_OF_EVENTS_MS = 3 * 86_400_000;

async function eventsOf(paths: AgentPaths, slug: string, slot: string): Promise<EventRecord[]> {
  const sinceMs = Date.parse(slot) - DAYS_OF_EVENTS_MS;
  const events = await readEvents(paths, { slug, sinceMs, limit: 10_000 });
  return events.filter((event) => event.slot === slot).reverse();
}
