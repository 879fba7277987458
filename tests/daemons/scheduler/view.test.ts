import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { createViewWriter, type ViewSight } from "../../../daemons/scheduler/view.ts";
import { Job } from "../../../shared/jobs.ts";
import { readSchedulerView, schedulerViewPath } from "../../../shared/job-views.ts";
import { agentPaths } from "../../../shared/paths.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp.ts";
import { until } from "../../support/until.ts";

const SLOT = "2026-11-20T12:00:00.000Z";
const jobs = ["on", "off"].map((slug) => Job.parse({ slug, name: slug, schedule: "@hourly", enabled: slug === "on" }));
const SIGHT: ViewSight = {
  settings: {
    isPaused: false,
    maxParallelJobs: 2,
    timezone: "UTC",
    quotaFile: null,
    quotaThresholds: { normal: 50, elevated: 70, critical: 85, shutdown: 95 },
  },
  book: { jobs: new Map(jobs.map((job) => [job.slug, job])), invalid: [], writtenAt: 0 },
  queue: [
    { slug: "on", slot: SLOT, attempt: 1, state: "running", since: SLOT },
    { slug: "on", slot: "2026-11-20T12:00:01.000Z", attempt: 1, state: "waiting", reason: "overlap", since: SLOT },
  ],
};

test("what the scheduler does is written when it changes, four times a second at most, and the last of it always", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  const clock = createFakeClock();
  const errors: unknown[] = [];
  const view = createViewWriter({ paths, clock, onError: (error) => errors.push(error) });
  view.offer(SIGHT);
  const first = await until(() => readSchedulerView(paths));
  expect(first).toMatchObject({ jobs: 2, enabled: 1, active: 1, queued: 1, paused: false, maxParallelJobs: 2 });
  expect(first.queue).toEqual(SIGHT.queue);
  for (let count = 0; count < 20; count++) view.offer({ ...SIGHT, queue: SIGHT.queue.slice(0, count % 2) });
  expect(await readSchedulerView(paths)).toEqual(first);
  await clock.advance(250);
  await until(async () => (await readSchedulerView(paths))?.queue.length === 1);
  expect(errors).toEqual([]);
});

test("a file that cannot be understood is no view", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  expect(await readSchedulerView(paths)).toBeNull();
  const view = createViewWriter({ paths, clock: createFakeClock(), onError: () => undefined });
  view.offer(SIGHT);
  await until(() => readSchedulerView(paths));
  await writeFile(schedulerViewPath(paths), "{");
  expect(await readSchedulerView(paths)).toBeNull();
});
