import { loadJobs, noSuchJob } from "../shared/jobs.ts";
import type { AgentPaths } from "../shared/paths.ts";
import { jobsWithSlots } from "../shared/slots.ts";

/** Throws JOB_NOT_FOUND for a job that is not in jobs.json, valid or not, and never had a slot. */
export async function knownJob(paths: AgentPaths, slug: string): Promise<void> {
  // Slots are known without jobs.json, which may be broken.
  const past = await jobsWithSlots(paths);
  if (past.includes(slug)) return;
  const { jobs, invalid } = await loadJobs(paths);
  const known = [...jobs.map((job) => job.slug), ...invalid.flatMap((entry) => entry.slug ?? [])];
  if (!known.includes(slug)) throw noSuchJob(slug, [...known, ...past]);
}
