import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { askOnce } from "../../shared/bus.ts";
import { isInstarError } from "../../shared/errors.ts";
import { readStatus } from "../../shared/lifecycle.ts";
import { explain, saysItRan } from "../support/explain.ts";
import { jobsAgent, rareJob, waitsFor } from "../support/jobs-agent.ts";
import { accounted, ofType, recordsOf } from "../support/scheduler-lives.ts";
import { until } from "../support/until.ts";

const GOOD = { slug: "good", name: "good", schedule: "@every 1s", execute: saysItRan("exit 0") };

test("one wrong entry is told of once with its reason and does not run; the others do", async () => {
  await using agent = await jobsAgent({ jobs: [GOOD, { ...GOOD, slug: "bad", schedule: "61 * * * *" }] });
  const first = await agent.schedule();
  await until(async () => (await agent.ran()).length > 0);
  const concern = (await readStatus(agent.paths, "scheduler"))?.concerns["jobs"];
  expect(concern).toContain("jobs[1].schedule");
  const told = async (): Promise<readonly (string | undefined)[]> =>
    (await agent.events("job_invalid")).map(({ reason }) => reason);
  expect(await told()).toEqual([concern]);
  // The file is as it was: a new life has nothing new to tell.
  await first.kill();
  await agent.schedule();
  await askOnce(agent.paths, "jobs.reload", {}, { timeoutMs: 5000 });
  expect(await told()).toEqual([concern]);
  expect(await recordsOf(agent, "bad")).toEqual([expect.objectContaining({ type: "considered", standing: "invalid" })]);
  await agent.setJobs([GOOD, { ...GOOD, slug: "bad" }]);
  await until(async () => (await agent.ran()).some((id) => id.startsWith("bad@")));
  expect((await readStatus(agent.paths, "scheduler"))?.concerns).toEqual({});
});

test("a jobs.json that is no list stops nothing: the last good one stays in force, and the fault is told", async () => {
  await using agent = await jobsAgent({ jobs: [GOOD] });
  await agent.schedule();
  await until(async () => (await agent.ran()).length > 0);
  await writeFile(agent.paths.jobs, "[{");
  const concern = await until(async () => (await readStatus(agent.paths, "scheduler"))?.concerns["jobs"]);
  expect(concern).toContain("jobs.json");
  const reload = await askOnce(agent.paths, "jobs.reload", {}, { timeoutMs: 5000 }).catch((error: unknown) => error);
  expect(isInstarError(reload) && reload.code).toBe("CONFIG_INVALID");
  const count = (await agent.ran()).length;
  await until(async () => (await agent.ran()).length > count);
  await agent.setJobs([GOOD]);
  await until(async () => (await readStatus(agent.paths, "scheduler"))?.concerns["jobs"] === undefined);
});

test("a jobs.json that is no list from the start: nothing is decided until it is one, and no job counts as removed", async () => {
  await using agent = await jobsAgent({ jobs: [GOOD] });
  const first = await agent.schedule();
  await until(async () => (await agent.ran()).length > 0);
  await first.kill();
  const before = await recordsOf(agent, "good");
  await writeFile(agent.paths.jobs, "{}");
  const second = await agent.schedule();
  await askOnce(agent.paths, "scheduler.look", {}, { timeoutMs: 5000 });
  await agent.setJobs([GOOD]);
  await until(async () => (await recordsOf(agent, "good")).length > before.length + 2);
  await second.stop();
  const after = (await recordsOf(agent, "good")).slice(before.length);
  expect(after.filter(({ type }) => type === "considered")).toEqual([]);
  const { problems } = await explain(agent.paths, GOOD);
  // It was ended in the middle: a run may still be open, and untold.
  expect(problems.filter((problem) => !problem.includes("was told 0 times"))).toEqual([]);
});

test("a job that is removed, disabled or spoilt: what runs goes on, what waits is skipped for that reason", async () => {
  const slugs = ["removed", "disabled", "invalid"];
  const jobs = slugs.map((slug) =>
    rareJob(slug, { overlap: "buffer-one", schedule: "@every 1s", execute: waitsFor("enough") }),
  );
  await using agent = await jobsAgent({ jobs, config: { scheduler: { maxParallelJobs: 9 } } });
  await agent.schedule();
  await until(async () => (await agent.ran()).length === 3);
  for (const slug of slugs) await until(async () => (await ofType(agent, slug, "claimed")).length > 2);
  await agent.setJobs([
    { ...jobs[1], enabled: false },
    { ...jobs[2], schedule: "never" },
  ]);
  const reasons: Record<string, string | undefined> = {};
  for (const slug of slugs)
    reasons[slug] = await until(async () => {
      const skips = await ofType(agent, slug, "skipped");
      return skips.find(({ reason }) => reason !== "overlap")?.reason;
    });
  expect(reasons).toEqual({ removed: "disabled", disabled: "disabled", invalid: "invalid" });
  await agent.touch("enough");
  for (const slug of slugs) expect((await agent.ended(slug)).outcome).toBe("success");
  expect(await agent.ran()).toHaveLength(3);
  for (const job of jobs) await accounted(agent, job);
});

test("a retry that is awaited ends with its job", async () => {
  const job = rareJob("fails", { retries: { max: 3, backoffSeconds: 3600 }, execute: saysItRan("exit 1") });
  await using agent = await jobsAgent({ jobs: [job] });
  const scheduler = await agent.schedule();
  await agent.wish("fails");
  await until(async () => (await ofType(agent, "fails", "finished")).length === 1);
  await agent.setJobs([]);
  expect(await agent.words("fails", 1)).toEqual(["failure, no retry: disabled"]);
  await scheduler.stop();
  expect((await explain(agent.paths, job)).problems).toEqual([]);
});

test("a disabled job runs when somebody wishes it, and only then; an unknown one is refused", async () => {
  await using agent = await jobsAgent({ jobs: [{ ...GOOD, enabled: false }] });
  await agent.schedule();
  expect((await agent.trigger("good")).result).toBe("started");
  expect((await agent.ended("good")).outcome).toBe("success");
  expect(await agent.ran()).toHaveLength(1);
  const refusal = await agent.trigger("godo").catch((error: unknown) => error);
  expect(isInstarError(refusal) && refusal.hint).toBe('did you mean "good"?');
});

test("a script job starts no model, and nothing but the wrapper and the work", async () => {
  const claude = 'echo called >> "$INSTAR_AGENT_DIR/model"';
  await using agent = await jobsAgent({ jobs: [rareJob("plain", { execute: saysItRan("exit 0") })] });
  await agent.setConfig({ sessions: { claudePath: `sh -c '${claude}'` } });
  await agent.schedule();
  await agent.wish("plain");
  const end = await agent.ended("plain");
  expect(end).toMatchObject({ outcome: "success" });
  expect(end).not.toHaveProperty("usage");
  expect(end).not.toHaveProperty("sessionId");
});

test("a whole output of [SILENT] is recorded as a wish to tell nobody", async () => {
  const jobs = [
    rareJob("silent", { execute: { type: "script", value: "echo '[SILENT]'" } }),
    rareJob("loud", { execute: { type: "script", value: "echo '[SILENT] but'" } }),
  ];
  await using agent = await jobsAgent({ jobs });
  await agent.schedule();
  for (const { slug } of jobs) await agent.wish(slug);
  expect((await agent.ended("silent")).quiet).toBe(true);
  expect((await agent.ended("loud")).quiet).toBeUndefined();
});
