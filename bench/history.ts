import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isoInstant } from "../shared/clock.ts";
import type { AgentPaths } from "../shared/paths.ts";
import { runFolder } from "../shared/runs.ts";
import {
  applyRecord,
  checkpointOf,
  emptyLedger,
  type Ledger,
  monthOf,
  slotFolder,
  type SlotRecord,
} from "../shared/slots.ts";

const MINUTE_MS = 60_000;
/** As the scheduler does: so that a reader need not go further back. */
const CHECKPOINT_EVERY = 100;

/** As many finished runs as a year leaves: `runs` of each job, a minute apart, with their folders. */
export async function writeHistory(paths: AgentPaths, slugs: readonly string[], runs: number): Promise<void> {
  const firstMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - (runs + 1) * MINUTE_MS;
  for (const slug of slugs) {
    const months = new Map<string, string>();
    let ledger: Ledger = emptyLedger();
    for (let run = 0; run < runs; run += 1) {
      const atMs = firstMs + run * MINUTE_MS;
      const at = isoInstant(atMs);
      const month = monthOf(atMs);
      const records: SlotRecord[] = recordsOf(at);
      ledger = records.reduce(applyRecord, ledger);
      if (ledger.sinceCheckpoint >= CHECKPOINT_EVERY) {
        records.push(checkpointOf(ledger, atMs));
        ledger = { ...ledger, sinceCheckpoint: 0 };
      }
      const lines = records.map((record) => `${JSON.stringify(record)}\n`).join("");
      months.set(month, (months.get(month) ?? "") + lines);
      await writeRun(runFolder(paths, { slug, slot: at, attempt: 1 }));
    }
    await mkdir(slotFolder(paths, slug), { recursive: true, mode: 0o700 });
    for (const [month, text] of months) await writeFile(join(slotFolder(paths, slug), month), text);
  }
}

function recordsOf(at: string): SlotRecord[] {
  const key = { v: 1, at, slot: at, attempt: 1 } as const;
  const end = { outcome: "success", startedAt: at, endedAt: at, exitCode: 0, signal: null } as const;
  return [
    { ...key, type: "claimed", trigger: "schedule" },
    { ...key, type: "finished", ...end },
  ];
}

async function writeRun(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const begun = { pid: 1, group: 0, startTime: "0", bootId: "another" };
  const files = { begun: JSON.stringify(begun), exit: '{"code":0,"hangup":false}', output: "done\n" };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
}
