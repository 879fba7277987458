import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openJournal } from "../../shared/journal.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { runFolder, type RunKey } from "../../shared/runs.ts";
import { monthOf, slotFolder, SlotRecord } from "../../shared/slots.ts";

/** A record without what each has. */
type Written = SlotRecord extends infer R ? (R extends SlotRecord ? Omit<R, "v"> : never) : never;

/** Writes the slot journal of a job, as a scheduler would have. */
export async function writePast(paths: AgentPaths, slug: string, records: readonly Written[]): Promise<void> {
  for (const record of records) {
    const file = join(slotFolder(paths, slug), monthOf(Date.parse(record.at)));
    await using journal = await openJournal(file, SlotRecord);
    await journal.append({ v: 1, ...record });
  }
}

/** Writes the folder of a run that has left. */
export async function writeRun(
  paths: AgentPaths,
  key: RunKey,
  { output, code }: { readonly output: string; readonly code: number },
): Promise<void> {
  const folder = runFolder(paths, key);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "begun"), JSON.stringify({ pid: 4711, group: 4711, startTime: "1", bootId: "b" }));
  await writeFile(join(folder, "output"), output);
  await writeFile(join(folder, "exit"), JSON.stringify({ code, hangup: false }));
}
