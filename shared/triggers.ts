import { randomUUID } from "node:crypto";
import { z } from "zod";
import { askOnce, type Bus } from "./bus.ts";
import { type Clock, isoInstant } from "./clock.ts";
import { InstarError, isInstarError } from "./errors.ts";
import { loadJobs, noSuchJob } from "./jobs.ts";
import type { AgentPaths } from "./paths.ts";
import { Instant, Slug, type TriggerAnswer } from "./protocol.ts";
import { openSpool, type Spool } from "./spool.ts";

/** Somebody's wish that a job be run now. Its name in the spool is its id. */
export const Wish = z.object({ slug: Slug, at: Instant });
export type Wish = z.output<typeof Wish>;

/** Where wishes lie until the scheduler takes them up. */
export function openWishes(paths: Pick<AgentPaths, "spool">): Spool<Wish> {
  return openSpool(paths.spool("triggers"), Wish);
}

/** For how long to wait for the scheduler's word. */
const ANSWER_MS = 2000;

/**
 * Wishes that a job be run now, and says what became of the wish within two seconds. The wish is a file: it is heard when
 * the scheduler is back, too, and run once. JOB_NOT_FOUND; CONFLICT for an entry that is not valid; STORE_FULL.
 */
export async function triggerJob(
  paths: AgentPaths,
  slug: string,
  { clock, bus }: { readonly clock: Pick<Clock, "now">; readonly bus?: Pick<Bus, "request"> },
): Promise<TriggerAnswer> {
  await refuseUnknown(paths, slug);
  const id = randomUUID();
  const slot = isoInstant(clock.now());
  await openWishes(paths).put(id, { slug, at: slot });
  const wish = { slug, id };
  const limit = { timeoutMs: ANSWER_MS };
  try {
    return await (bus ? bus.request("job.trigger", wish, limit) : askOnce(paths, "job.trigger", wish, limit));
  } catch (error) {
    if (!isInstarError(error) || (error.code !== "UNAVAILABLE" && error.code !== "TIMEOUT")) throw error;
    const reason =
      error.code === "TIMEOUT"
        ? "the scheduler has not answered yet; the wish is kept for it"
        : "the scheduler is not running; the job runs when it is back";
    return { slug, result: "queued", reason, slot };
  }
}

async function refuseUnknown(paths: AgentPaths, slug: string): Promise<void> {
  const { jobs, invalid } = await loadJobs(paths);
  if (jobs.some((job) => job.slug === slug)) return;
  const fault = invalid.find((entry) => entry.slug === slug);
  if (!fault) {
    throw noSuchJob(
      slug,
      jobs.map((job) => job.slug),
    );
  }
  throw new InstarError("CONFLICT", `the job "${slug}" cannot run: ${fault.reason}`, {
    hint: `correct ${paths.jobs}`,
  });
}
