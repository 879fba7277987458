import { join } from "node:path";
import { type AgentPaths, namesIn } from "../paths.ts";
import { Slug } from "../protocol.ts";

const MONTH_FILE = /^\d{4}-\d{2}\.jsonl$/;

/** The folder of one job's slot journal: a file for each month. */
export function slotFolder(paths: AgentPaths, slug: string): string {
  return join(paths.state("scheduler"), "slots", slug);
}

/** The name of the file that a record written at `atMs` goes to, unless there is a later one already. */
export function monthOf(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 7)}.jsonl`;
}

/** The names of a job's journal files, oldest first. */
export async function monthFiles(paths: AgentPaths, slug: string): Promise<string[]> {
  return (await namesIn(slotFolder(paths, slug))).filter((name) => MONTH_FILE.test(name)).sort();
}

/** Every job that has a slot journal, removed ones too. */
export async function jobsWithSlots(paths: AgentPaths): Promise<string[]> {
  const names = await namesIn(join(paths.state("scheduler"), "slots"));
  return names.filter((name) => Slug.safeParse(name).success).sort();
}
