import { z } from "zod";
import { closest, parseWith, readOthersFile } from "./config.ts";
import { InstarError, systemCode } from "./errors.ts";
import { entriesOf, type ParsedJobs, parseJobs, slugOf, withEntries } from "./jobs/parse.ts";
import { Job, JobsFile } from "./jobs/schema.ts";
import type { AgentPaths } from "./paths.ts";
import { editFile } from "./store.ts";

export { type InvalidJob, type ParsedJobs, parseJobs } from "./jobs/parse.ts";
export { Job, PRIORITIES } from "./jobs/schema.ts";

type JobsPath = Pick<AgentPaths, "jobs">;

/** Reads jobs.json; no file is no jobs. Throws CONFIG_INVALID for a file that is no list of jobs. */
export async function loadJobs(paths: JobsPath): Promise<ParsedJobs> {
  const text = await readJobsText(paths);
  return text === null ? { jobs: [], invalid: [] } : parseJobs(text, paths.jobs);
}

async function readJobsText(paths: JobsPath): Promise<string | null> {
  try {
    return await readOthersFile(paths.jobs);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw new InstarError("CONFIG_INVALID", `cannot read ${paths.jobs}`, { cause: error });
  }
}

/**
 * Changes the list of entries under the file's lock; entries that are not valid are kept as they are. `edit` may be called
 * twice. Throws LOCK_BUSY, STORE_FULL, CONFIG_INVALID.
 */
export async function editJobs(
  paths: JobsPath,
  edit: (entries: readonly unknown[]) => readonly unknown[],
): Promise<void> {
  await editFile(paths.jobs, (text) => {
    const entries = text === null ? [] : entriesOf(text, paths.jobs);
    const changed = edit(entries);
    return changed === entries && text !== null ? text : withEntries(text, changed);
  });
}

/** Adds a job as it is written, and returns it with its defaults. Throws CONFIG_INVALID, and CONFLICT for a slug that is taken. */
export async function addJob(paths: JobsPath, entry: z.input<typeof Job>): Promise<Job> {
  const job = parseWith(Job, entry, "job");
  await editJobs(paths, (entries) => {
    if (entries.some((other) => slugOf(other) === job.slug))
      throw new InstarError("CONFLICT", `there is a job "${job.slug}" already`, {
        hint: `choose another slug, or: instar job remove ${job.slug}`,
      });
    return [...entries, entry];
  });
  return job;
}

/** Switches a job on or off; false when it stood so already. Throws JOB_NOT_FOUND. */
export async function setJobEnabled(paths: JobsPath, slug: string, enabled: boolean): Promise<boolean> {
  let isChanged = false;
  await editJobs(paths, (entries) => {
    const at = placeOf(entries, slug);
    const entry = entries[at] as { readonly enabled?: unknown };
    isChanged = (entry.enabled ?? true) !== enabled;
    return isChanged ? entries.with(at, { ...entry, enabled }) : entries;
  });
  return isChanged;
}

/** Takes a job out of the list; its history stays. Throws JOB_NOT_FOUND. */
export async function removeJob(paths: JobsPath, slug: string): Promise<void> {
  await editJobs(paths, (entries) => entries.toSpliced(placeOf(entries, slug), 1));
}

function placeOf(entries: readonly unknown[], slug: string): number {
  const at = entries.findIndex((entry) => slugOf(entry) === slug);
  if (at === -1)
    throw noSuchJob(
      slug,
      entries.flatMap((entry) => slugOf(entry) ?? []),
    );
  return at;
}

/** JOB_NOT_FOUND, with the slug that was probably meant. */
export function noSuchJob(slug: string, known: readonly string[]): InstarError {
  const meant = closest(slug, known);
  const hint = meant === undefined ? "list them: instar job list" : `did you mean "${meant}"?`;
  return new InstarError("JOB_NOT_FOUND", `there is no job "${slug}"`, { hint });
}

/** The JSON Schema of jobs.json, for editors. */
export function jobsJsonSchema(): object {
  return z.toJSONSchema(JobsFile, { io: "input", target: "draft-2020-12" });
}
