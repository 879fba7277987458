import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isoInstant } from "../../shared/clock.ts";
import { readStatus } from "../../shared/lifecycle.ts";
import type { SlotRecord } from "../../shared/slots.ts";
import { explain, saysItRan } from "../support/explain.ts";
import { jobsAgent, rareJob, waitsFor } from "../support/jobs-agent.ts";
import { accounted, ofType, recordsOf } from "../support/scheduler-lives.ts";
import { until } from "../support/until.ts";

const HOUR_MS = 3_600_000;

test("overlap: each policy decides over three slots that are wished for while the first runs", async () => {
  const policies = ["skip", "buffer-one", "buffer-all", "cancel-other", "allow"] as const;
  const jobs = policies.map((overlap) => rareJob(overlap, { overlap, execute: waitsFor("enough") }));
  await using agent = await jobsAgent({ jobs, config: { scheduler: { maxParallelJobs: 20 } } });
  const scheduler = await agent.schedule();
  const results: Record<string, readonly string[]> = {};
  for (const slug of policies) {
    const answers = [await agent.trigger(slug)];
    await until(async () => (await agent.ran()).some((id) => id.startsWith(`${slug}@`)));
    // The one that makes way takes a moment to end; the next must not be faster than it.
    if (slug !== "cancel-other") for (let wish = 0; wish < 2; wish++) answers.push(await agent.trigger(slug));
    else await agent.wish(slug);
    results[slug] = answers.map(({ result }) => result);
  }
  expect(results).toEqual({
    skip: ["started", "skipped", "skipped"],
    "buffer-one": ["started", "queued", "skipped"],
    "buffer-all": ["started", "queued", "queued"],
    "cancel-other": ["started"],
    allow: ["started", "started", "started"],
  });
  expect(await agent.ended("cancel-other")).toMatchObject({
    outcome: "killed",
    reason: "a later slot of the job took its place",
  });
  // What waits its turn still does in the next life.
  await scheduler.kill();
  await agent.schedule();
  await agent.touch("enough");
  expect(await agent.words("skip", 3)).toEqual(["overlap", "overlap", "success"]);
  expect(await agent.words("buffer-one", 3)).toEqual(["overlap", "success", "success"]);
  expect(await agent.words("buffer-all", 3)).toEqual(["success", "success", "success"]);
  expect(await agent.words("cancel-other", 2)).toEqual(["killed", "success"]);
  expect(await agent.words("allow", 3)).toEqual(["success", "success", "success"]);
  for (const { slug, schedule } of jobs) await accounted(agent, { slug, schedule, overlap: slug });
});

/** It was last considered so many hours ago, and nobody looked since. */
function asleepFor(hours: number): SlotRecord[] {
  const at = isoInstant(Date.now() - hours * HOUR_MS);
  const schedule = `${minuteFarFromNow()} * * * * UTC`;
  return [{ v: 1, type: "considered", at, until: at, schedule, standing: "on", reason: "first seen" }];
}

function minuteFarFromNow(): number {
  return (new Date().getUTCMinutes() + 30) % 60;
}

test("instants that were missed: all, the latest or none are made up, within the window; the rest is one gap", async () => {
  const base = {
    schedule: `${minuteFarFromNow()} * * * *`,
    timezone: "UTC",
    overlap: "allow",
    execute: saysItRan("exit 0"),
  };
  const jobs = [
    { slug: "all", catchUp: "all" },
    { slug: "latest", catchUp: "latest" },
    { slug: "none", catchUp: "none" },
    { slug: "window", catchUp: "all", catchUpWindowMinutes: 180 },
  ].map((job) => ({ name: job.slug, ...base, ...job }));
  await using agent = await jobsAgent({ jobs, config: { scheduler: { maxParallelJobs: 20 } } });
  for (const { slug } of jobs) await agent.remember(slug, asleepFor(6));
  await agent.schedule();
  expect(await agent.words("all", 6)).toEqual(Array<string>(6).fill("success"));
  expect(await agent.words("latest", 1)).toEqual(["success"]);
  expect(await agent.words("window", 3)).toEqual(["success", "success", "success"]);
  const gaps: Record<string, number[]> = {};
  for (const { slug } of jobs) gaps[slug] = (await ofType(agent, slug, "gap")).map(({ count }) => count);
  expect(gaps).toEqual({ all: [], latest: [5], none: [6], window: [3] });
  for (const job of jobs) await accounted(agent, job);
});

test("a gate decides before anything is spent, and is told why it refused", async () => {
  const execute = saysItRan("exit 0");
  const jobs = [
    rareJob("open", { gate: 'test "$INSTAR_JOB" = open', execute }),
    rareJob("shut", { gate: "exit 4", execute }),
  ];
  await using agent = await jobsAgent({ jobs });
  await agent.schedule();
  for (const { slug } of jobs) await agent.wish(slug);
  expect(await agent.words("open", 1)).toEqual(["success"]);
  expect(await agent.words("shut", 1)).toEqual(["gate"]);
  expect((await ofType(agent, "shut", "skipped"))[0]?.detail).toBe("exit status 4");
  expect(await agent.ran()).toHaveLength(1);
});

test("quota holds back by priority, never critical jobs; what cannot be believed holds back nobody and is told", async () => {
  const priorities = ["critical", "high", "normal", "low"] as const;
  const jobs = priorities.map((priority) => rareJob(priority, { priority, execute: saysItRan("exit 0") }));
  await using agent = await jobsAgent({
    jobs,
    config: { scheduler: { maxParallelJobs: 9 }, monitoring: { quotaFile: "quota.json" } },
  });
  const setQuota = (usagePercent: number, ageMs = 0): Promise<void> =>
    writeFile(
      join(agent.dir, "quota.json"),
      JSON.stringify({ usagePercent, lastUpdated: isoInstant(Date.now() - ageMs) }),
    );
  await setQuota(72);
  await agent.schedule();
  for (const priority of priorities) await agent.wish(priority);
  expect(await agent.words("critical", 1)).toEqual(["success"]);
  expect(await agent.words("high", 1)).toEqual(["success"]);
  expect(await agent.words("normal", 1)).toEqual(["quota"]);
  expect(await agent.words("low", 1)).toEqual(["quota"]);
  expect((await ofType(agent, "normal", "skipped"))[0]?.detail).toMatch(/^weekly usage is 72 %/);
  await setQuota(99, HOUR_MS);
  await until(
    async () => {
      await agent.wish("low");
      return (await readStatus(agent.paths, "scheduler"))?.concerns["quota"]?.includes("was written 60 minutes ago");
    },
    { everyMs: 500 },
  );
  await until(async () => (await ofType(agent, "low", "finished")).length > 0);
});

test("while the scheduler is switched off, due slots are skipped and say so; what runs goes on", async () => {
  const beat = { slug: "beat", name: "beat", schedule: "@every 1s", execute: saysItRan("exit 0") };
  const jobs = [beat, rareJob("long", { execute: waitsFor("enough") })];
  await using agent = await jobsAgent({ jobs });
  await agent.schedule();
  await agent.trigger("long");
  await until(async () => (await agent.ran()).some((id) => id.startsWith("beat@")));
  await agent.setConfig({ scheduler: { enabled: false } });
  await until(async () => (await ofType(agent, "beat", "skipped")).some(({ reason }) => reason === "paused"));
  expect(await agent.trigger("beat")).toMatchObject({ result: "skipped", reason: "paused" });
  await agent.touch("enough");
  expect((await agent.ended("long")).outcome).toBe("success");
  await agent.setConfig({ scheduler: { enabled: true } });
  const count = (await ofType(agent, "beat", "finished")).length;
  await until(async () => (await ofType(agent, "beat", "finished")).length > count);
});

test("places go to what is most important, and then to what is oldest", async () => {
  const priorities = ["low", "normal", "high", "critical"] as const;
  const jobs = [
    rareJob("first", { execute: waitsFor("enough") }),
    ...priorities.map((priority) => rareJob(priority, { priority, execute: saysItRan("exit 0") })),
    rareJob("normal-2", { execute: saysItRan("exit 0") }),
  ];
  await using agent = await jobsAgent({ jobs, config: { scheduler: { maxParallelJobs: 1 } } });
  await agent.schedule();
  await agent.trigger("first");
  for (const slug of ["low", "normal", "normal-2", "high", "critical"])
    expect((await agent.trigger(slug)).result).toBe("queued");
  await agent.touch("enough");
  await agent.ended("low");
  const order = (await agent.ran()).map((id) => id.split("@")[0]);
  expect(order).toEqual(["first", "critical", "high", "normal", "normal-2", "low"]);
});

test("an incident is told once, at the second failure in a row of an important job and the third of others, and its end once", async () => {
  const execute = saysItRan('test -e "$INSTAR_AGENT_DIR/well"');
  const jobs = [rareJob("high", { priority: "high", execute }), rareJob("normal", { execute })];
  await using agent = await jobsAgent({ jobs });
  let scheduler = await agent.schedule();
  const runOnce = async (): Promise<void> => {
    for (const { slug } of jobs) await agent.ended(slug, (await agent.trigger(slug)).slot);
  };
  const told = async (): Promise<string[]> => {
    const events = await agent.events("job_alert", "job_recovered");
    return events.map(({ type, slug }) => `${type} ${slug}`);
  };
  await runOnce();
  await runOnce();
  await until(async () => (await told()).length > 0);
  expect(await told()).toEqual(["job_alert high"]);
  await runOnce();
  await until(async () => (await told()).length > 1);
  // In the next life, too.
  await scheduler.kill();
  scheduler = await agent.schedule();
  await runOnce();
  await agent.touch("well");
  await runOnce();
  await until(async () => (await told()).length > 3);
  await runOnce();
  await scheduler.stop();
  expect((await told()).sort()).toEqual([
    "job_alert high",
    "job_alert normal",
    "job_recovered high",
    "job_recovered normal",
  ]);
});

test("a retry that is refused is the slot's last word, with the failure's outcome", async () => {
  const job = rareJob("fails", { retries: { max: 3, backoffSeconds: 1 }, execute: saysItRan("exit 1") });
  await using agent = await jobsAgent({ jobs: [job] });
  const scheduler = await agent.schedule();
  await agent.wish("fails");
  await until(async () => (await ofType(agent, "fails", "finished")).length === 1);
  await agent.setConfig({ scheduler: { enabled: false } });
  expect(await agent.words("fails", 1)).toEqual(["failure, no retry: paused"]);
  await scheduler.stop();
  expect((await recordsOf(agent, "fails")).at(-1)).toMatchObject({ attempt: 1, outcome: "failure", exitCode: 1 });
  expect((await explain(agent.paths, job)).problems).toEqual([]);
  expect(await agent.ran()).toHaveLength(1);
});
