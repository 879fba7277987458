import { expect, test } from "vitest";
import { openBus } from "../../shared/bus.ts";
import { systemClock } from "../../shared/clock.ts";
import { createLog } from "../../shared/log.ts";
import { openWishes, triggerJob } from "../../shared/triggers.ts";
import { tempAgent } from "../support/temp-agent.ts";

const REPORT = { slug: "report", name: "Report", schedule: "@daily", execute: { type: "script", value: "true" } };
const at = (ms: number): { clock: { now: () => number } } => ({ clock: { now: () => ms } });

test("with the scheduler down, a wish is kept and said to be queued", async () => {
  await using agent = await tempAgent({ jobs: [REPORT] });
  const answer = await triggerJob(agent.paths, "report", at(1000));
  expect(answer).toEqual({
    slug: "report",
    result: "queued",
    reason: "the scheduler is not running; the job runs when it is back",
    slot: "1970-01-01T00:00:01.000Z",
  });
  const wishes = openWishes(agent.paths);
  const [id = ""] = await wishes.list();
  expect(await wishes.take(id)).toEqual({ slug: "report", at: "1970-01-01T00:00:01.000Z" });
});

test("the scheduler's answer is passed on, and it is asked for the wish by its name", async () => {
  await using agent = await tempAgent({ jobs: [REPORT] });
  await using bus = await openBus(agent.paths, "scheduler", {
    clock: systemClock,
    log: createLog({ name: "scheduler", level: "error" }),
  });
  const asked: unknown[] = [];
  using _answering = bus.answer("job.trigger", (wish) => {
    asked.push(wish);
    return { slug: wish.slug, result: "started", slot: "2026-01-01T00:00:00.000Z" };
  });
  const answer = await triggerJob(agent.paths, "report", at(1000));
  expect(answer).toEqual({ slug: "report", result: "started", slot: "2026-01-01T00:00:00.000Z" });
  expect(asked).toEqual([{ slug: "report", id: (await openWishes(agent.paths).list())[0] }]);
});

test("a job that there is none of, or that is not valid, is refused and no wish is kept", async () => {
  await using agent = await tempAgent({ jobs: [REPORT, { slug: "bad", name: "Bad", schedule: "at noon" }] });
  await expect(triggerJob(agent.paths, "raport", at(0))).rejects.toMatchObject({
    code: "JOB_NOT_FOUND",
    message: 'there is no job "raport"',
    hint: 'did you mean "report"?',
  });
  await expect(triggerJob(agent.paths, "bad", at(0))).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining('the job "bad" cannot run: jobs[1].schedule'),
  });
  expect(await openWishes(agent.paths).list()).toEqual([]);
});
