import { z } from "zod";
import { isInstarError } from "../../../shared/errors.ts";
import { JobViews } from "../../../shared/job-views.ts";
import { loadJobs, noSuchJob, setJobEnabled } from "../../../shared/jobs.ts";
import type { AgentPaths } from "../../../shared/paths.ts";
import { REQUESTS, Slug, TriggerAnswer } from "../../../shared/protocol.ts";
import { HistoryEntry, jobsWithSlots, readHistory } from "../../../shared/slots.ts";
import { triggerJob } from "../../../shared/triggers.ts";
import { route, type RouteDeps, wholeNumber } from "../route.ts";

const OfJob = z.strictObject({ slug: Slug });
const Reloaded = REQUESTS["jobs.reload"].response;
/** What changes something, each: enough for a person and a busy agent, too few for a loop gone wild. */
const LIMIT = { max: 120, windowMs: 60_000 };
const ASK_MS = 5000;

const list = route({
  method: "GET",
  path: "/jobs",
  summary: "Every entry of jobs.json with its next and last run and what of it waits; those that are not valid last",
  answer: JobViews,
  fails: ["CONFIG_INVALID"],
  handle: (_ask, { jobs }) => jobs.read(),
});

const trigger = route({
  method: "POST",
  path: "/jobs/:slug/trigger",
  summary: "Runs a job now; queued when it has to wait, or while the scheduler is away",
  params: OfJob,
  status: 202,
  answer: TriggerAnswer,
  fails: ["JOB_NOT_FOUND", "CONFLICT", "STORE_FULL"],
  limit: LIMIT,
  async handle({ params: { slug } }, { paths, clock, bus, jobs }) {
    const answer = await triggerJob(paths, slug, { clock, bus });
    jobs.drop();
    return answer;
  },
});

const reload = route({
  method: "POST",
  path: "/jobs/reload",
  summary: "Reads jobs.json now",
  answer: Reloaded,
  fails: ["CONFIG_INVALID", "UNAVAILABLE"],
  limit: LIMIT,
  async handle(_ask, { bus, jobs }) {
    const answer = await bus.request("jobs.reload", {}, { timeoutMs: ASK_MS });
    jobs.drop();
    return answer;
  },
});

const change = route({
  method: "PATCH",
  path: "/jobs/:slug",
  summary: "Switches a job on or off in jobs.json",
  params: OfJob,
  body: z.strictObject({ enabled: z.boolean() }),
  answer: z.object({ slug: Slug, enabled: z.boolean() }),
  fails: ["JOB_NOT_FOUND", "LOCK_BUSY", "CONFIG_INVALID", "STORE_FULL"],
  limit: LIMIT,
  async handle({ params: { slug }, body: { enabled } }, deps) {
    await setJobEnabled(deps.paths, slug, enabled);
    await lookAgain(deps);
    deps.jobs.drop();
    return { slug, enabled };
  },
});

const history = route({
  method: "GET",
  path: "/jobs/:slug/history",
  summary: "What became of a job's due instants, newest first; of a removed job too",
  params: OfJob,
  query: z.strictObject({ limit: wholeNumber("at most so many", { min: 1, max: 1000, fallback: 100 }) }),
  answer: z.array(HistoryEntry),
  fails: ["JOB_NOT_FOUND", "CONFIG_INVALID"],
  async handle({ params: { slug }, query: { limit } }, { paths }) {
    const entries = await readHistory(paths, slug, { limit });
    if (entries.length === 0) await refuseUnknown(paths, slug);
    return entries;
  },
});

export const jobRoutes = [list, reload, trigger, change, history];

/** The file is what counts: a scheduler that is away, or slow, reads it by itself. */
async function lookAgain({ bus }: Pick<RouteDeps, "bus">): Promise<void> {
  try {
    await bus.request("jobs.reload", {}, { timeoutMs: ASK_MS });
  } catch (error) {
    if (!isInstarError(error)) throw error;
  }
}

/** JOB_NOT_FOUND for a job that is not there and has left nothing. */
async function refuseUnknown(paths: AgentPaths, slug: string): Promise<void> {
  const { jobs, invalid } = await loadJobs(paths);
  const known = [...jobs, ...invalid].flatMap((job) => job.slug ?? []);
  if (known.includes(slug) || (await jobsWithSlots(paths)).includes(slug)) return;
  throw noSuchJob(slug, known);
}
