import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readJobViews, readSchedulerView, schedulerViewPath } from "../../shared/job-views.ts";
import { openJournal } from "../../shared/journal.ts";
import { jitterMs } from "../../shared/schedule.ts";
import { monthOf, slotFolder, SlotRecord } from "../../shared/slots.ts";
import { tempAgent, type TempAgent } from "../support/temp-agent.ts";

const NOW = "2026-11-20T12:00:30.000Z";
const nowMs = Date.parse(NOW);
const job = (slug: string, rest: object = {}): object => ({
  slug,
  name: slug.toUpperCase(),
  schedule: "0 * * * *",
  execute: { type: "script", value: "true" },
  ...rest,
});

async function record(agent: TempAgent, slug: string, ...records: readonly SlotRecord[]): Promise<void> {
  await using journal = await openJournal(join(slotFolder(agent.paths, slug), monthOf(nowMs)), SlotRecord);
  for (const each of records) await journal.append(each);
}

test("a job shows what is written of it and what became of it", async () => {
  await using agent = await tempAgent({
    jobs: [job("b", { priority: "medium", execute: { type: "prompt", value: "hi" } }), job("a", { enabled: false })],
    config: { scheduler: { timezone: "Europe/Berlin" } },
  });
  const slot = "2026-11-20T12:00:00.000Z";
  await record(
    agent,
    "b",
    { v: 1, type: "claimed", at: slot, slot, attempt: 1, trigger: "schedule" },
    {
      v: 1,
      type: "finished",
      at: NOW,
      slot,
      attempt: 1,
      outcome: "failure",
      startedAt: "2026-11-20T12:00:00.100Z",
      endedAt: NOW,
      exitCode: 3,
      signal: null,
    },
  );
  expect(await readJobViews(agent.paths, { nowMs })).toEqual([
    {
      slug: "b",
      name: "B",
      description: "",
      schedule: "0 * * * *",
      timezone: "Europe/Berlin",
      type: "prompt",
      priority: "normal",
      model: "sonnet",
      enabled: true,
      standing: "on",
      nextRun: "2026-11-20T13:00:00.000Z",
      lastRun: "2026-11-20T12:00:00.100Z",
      lastOutcome: "failure",
      consecutiveFailures: 1,
      tags: [],
      queue: [],
    },
    expect.objectContaining({ slug: "a", model: null, standing: "disabled", nextRun: null, lastRun: null }),
  ]);
});

test("an entry that is not run says why, and comes last", async () => {
  await using agent = await tempAgent({ jobs: [job("x", { schedule: "noon" }), 5, job("y"), job("y")] });
  const views = await readJobViews(agent.paths, { nowMs });
  expect(views.map(({ slug, standing }) => [slug, standing])).toEqual([
    ["y", "on"],
    ["x", "invalid"],
    [null, "invalid"],
    ["y", "invalid"],
  ]);
  expect(views.map(({ invalid }) => invalid)).toEqual([
    undefined,
    expect.stringContaining('jobs[0].schedule: the schedule "noon"'),
    expect.stringContaining("jobs[1]"),
    'jobs[3].slug: "y" is the slug of jobs[2] already',
  ]);
});

test("the next run counts the jitter, also of an instant that has just passed", async () => {
  await using agent = await tempAgent({ jobs: [job("late", { schedule: "* * * * *", jitterSeconds: 3600 })] });
  const seen = "2026-11-20T11:00:30.000Z";
  await record(agent, "late", {
    v: 1,
    type: "considered",
    at: seen,
    until: seen,
    schedule: "* * * * * UTC",
    standing: "on",
    reason: "first seen",
  });
  const [view] = await readJobViews(agent.paths, { nowMs });
  const next = Array.from({ length: 120 }, (_, minute) => Date.parse("2026-11-20T11:00:00.000Z") + minute * 60_000)
    .map((due) => ({ due, start: due + jitterMs("late", due, 3600) }))
    .find(({ due, start }) => due > nowMs - 3_600_000 && start > nowMs);
  expect(view?.nextRun).toBe(new Date(next?.start ?? 0).toISOString());
  expect(next?.due).toBeLessThan(nowMs);
});

test("the next attempt of one that failed is a next run, too", async () => {
  await using agent = await tempAgent({ jobs: [job("again", { retries: { max: 3 } })] });
  const slot = "2026-11-20T12:00:00.000Z";
  const ended = { outcome: "failure", startedAt: slot, endedAt: NOW, exitCode: 1, signal: null } as const;
  await record(
    agent,
    "again",
    { v: 1, type: "claimed", at: slot, slot, attempt: 1, trigger: "schedule" },
    { v: 1, type: "finished", at: NOW, slot, attempt: 1, ...ended, retryAt: "2026-11-20T12:05:00.000Z" },
  );
  expect(await readJobViews(agent.paths, { nowMs })).toMatchObject([
    {
      nextRun: "2026-11-20T12:05:00.000Z",
      queue: [{ slug: "again", slot, attempt: 1, state: "retrying", since: "2026-11-20T12:05:00.000Z" }],
    },
  ]);
});

test("what is over has no next run", async () => {
  await using agent = await tempAgent({ jobs: [job("once", { schedule: "@at 2026-11-19T12:00" })] });
  expect(await readJobViews(agent.paths, { nowMs })).toMatchObject([{ standing: "on", nextRun: null }]);
});

test("what the scheduler said is read whole or not at all", async () => {
  await using agent = await tempAgent();
  expect(await readSchedulerView(agent.paths)).toBeNull();
  const path = schedulerViewPath(agent.paths);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '{"version":1,');
  expect(await readSchedulerView(agent.paths)).toBeNull();
});
