import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readStatus } from "../../shared/lifecycle.ts";
import { readSchedulerView } from "../../shared/job-views.ts";
import { identify } from "../../shared/proc.ts";
import { readWitness, runFolder, runIdOf } from "../../shared/runs.ts";
import { saysItRan } from "../support/explain.ts";
import { jobsAgent, rareJob, waitsFor } from "../support/jobs-agent.ts";
import { ofType, seenUntil } from "../support/scheduler-lives.ts";
import { startTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

test("a script runs in the agent's folder with what it is told, and its end is recorded", async () => {
  const tells =
    'pwd; printf "%s\\n" "$INSTAR_JOB" "$INSTAR_SLOT" "$INSTAR_RUN_ID" "$INSTAR_ATTEMPT" "$INSTAR_URL"; exit 3';
  await using agent = await jobsAgent({ jobs: [rareJob("tells", { execute: { type: "script", value: tells } })] });
  await agent.schedule();
  const { result, slot } = await agent.trigger("tells");
  expect(result).toBe("started");
  const end = await agent.ended("tells");
  expect(end).toMatchObject({ slot, attempt: 1, outcome: "failure", exitCode: 3, reason: "exit status 3" });
  const run = { slug: "tells", slot, attempt: 1 };
  const output = await readFile(join(runFolder(agent.paths, run), "output"), "utf8");
  expect(output.split("\n")).toEqual([
    agent.dir,
    "tells",
    slot,
    runIdOf(run),
    "1",
    `http://127.0.0.1:${agent.port}`,
    "",
  ]);
});

test("a failure is tried again after its backoff, doubled each time, as often as the job says", async () => {
  const job = rareJob("fails", { retries: { max: 2, backoffSeconds: 0.3 }, execute: saysItRan("exit 1") });
  await using agent = await jobsAgent({ jobs: [job] });
  await agent.schedule();
  await agent.wish("fails");
  const last = await agent.ended("fails");
  expect(last).toMatchObject({ attempt: 3, outcome: "failure" });
  expect(await agent.ran()).toHaveLength(3);
  const ends = await ofType(agent, "fails", "finished");
  const waits = ends.flatMap(({ retryAt, at }) =>
    retryAt === undefined ? [] : [Date.parse(retryAt) - Date.parse(at)],
  );
  expect(waits).toEqual([300, 600]);
  const claims = await ofType(agent, "fails", "claimed");
  expect(claims.map(({ trigger, attempt }) => [trigger, attempt])).toEqual([
    ["manual", 1],
    ["retry", 2],
    ["retry", 3],
  ]);
  for (const [index, claim] of claims.slice(1).entries()) expect(claim.at >= (ends[index]?.retryAt ?? "")).toBe(true);
});

test("a run that takes too long is ended, and that counts as a timeout", async () => {
  const job = rareJob("slow", {
    timeoutMinutes: 0.5 / 60,
    retries: { max: 1, backoffSeconds: 0 },
    execute: saysItRan("sleep 60"),
  });
  await using agent = await jobsAgent({ jobs: [job] });
  await agent.schedule();
  await agent.wish("slow");
  expect(await agent.ended("slow")).toMatchObject({ attempt: 2, outcome: "timeout", reason: "ran longer than 0.5 s" });
});

test("work goes on while the scheduler is dead; the next one adopts it, the same process, and records its end", async () => {
  await using agent = await jobsAgent({ jobs: [rareJob("long", { execute: waitsFor("enough", "exit 7") })] });
  const first = await agent.schedule();
  const { slot } = await agent.trigger("long");
  const folder = runFolder(agent.paths, { slug: "long", slot, attempt: 1 });
  const begun = await until(async () => (await agent.ran()).length === 1 && (await readWitness(folder)).begun);
  await first.kill();
  await agent.schedule();
  await until(async () => (await readSchedulerView(agent.paths))?.queue.some(({ state }) => state === "running"));
  expect((await identify(begun.pid))?.startTime).toBe(begun.startTime);
  await agent.touch("enough");
  expect(await agent.ended("long")).toMatchObject({ slot, attempt: 1, outcome: "failure", exitCode: 7 });
  expect(await agent.ran()).toHaveLength(1);
});

test("work that ended while the scheduler was dead is recorded as it ended", async () => {
  await using agent = await jobsAgent({ jobs: [rareJob("short", { execute: waitsFor("enough", "exit 5") })] });
  const first = await agent.schedule();
  const { slot } = await agent.trigger("short");
  await until(async () => (await agent.ran()).length === 1);
  await first.kill();
  await agent.touch("enough");
  const folder = runFolder(agent.paths, { slug: "short", slot, attempt: 1 });
  const { endedAt } = await until(async () => (await readWitness(folder)).exit);
  await agent.schedule();
  const end = await agent.ended("short");
  expect(end).toMatchObject({ outcome: "failure", exitCode: 5, endedAt: new Date(endedAt).toISOString() });
});

test("jobs.json is followed: a job that comes runs, one that changes runs as it is now", async () => {
  await using agent = await jobsAgent();
  await agent.schedule();
  const job = { slug: "new", name: "new", schedule: "@every 1s", execute: saysItRan("exit 0") };
  await agent.setJobs([job]);
  await until(async () => (await agent.ran()).length > 0);
  await agent.setJobs([{ ...job, execute: saysItRan("exit 9") }]);
  await until(async () => (await ofType(agent, "new", "finished")).some(({ exitCode }) => exitCode === 9));
  await agent.setJobs([{ ...job, enabled: false }]);
  const seen = await seenUntil(
    agent,
    "new",
    (records) => records.filter(({ type }) => type === "considered").length > 1,
  );
  expect(seen.findLast(({ type }) => type === "considered")).toMatchObject({ standing: "disabled" });
});

test("what the scheduler does can be seen: running, waiting, retrying", async () => {
  const jobs = [
    rareJob("runs", { execute: waitsFor("enough") }),
    rareJob("waits", { execute: saysItRan("exit 0") }),
    rareJob("again", { priority: "critical", retries: { max: 1, backoffSeconds: 3600 }, execute: saysItRan("exit 1") }),
  ];
  await using agent = await jobsAgent({ jobs, config: { scheduler: { maxParallelJobs: 1 } } });
  await agent.schedule();
  await agent.wish("again");
  await until(async () => (await ofType(agent, "again", "finished")).length === 1);
  expect((await agent.trigger("runs")).result).toBe("started");
  const waiting = await agent.trigger("waits");
  expect(waiting).toMatchObject({ result: "queued" });
  const view = await until(async () => {
    const seen = await readSchedulerView(agent.paths);
    return seen?.queue.length === 3 && seen;
  });
  expect(view).toMatchObject({ jobs: 3, enabled: 3, active: 1, queued: 2, maxParallelJobs: 1, paused: false });
  expect(view.queue.map(({ slug, state, reason }) => [slug, state, reason])).toEqual([
    ["again", "retrying", undefined],
    ["runs", "running", undefined],
    ["waits", "waiting", "concurrency"],
  ]);
  expect(view.pid).toBe((await readStatus(agent.paths, "scheduler"))?.pid);
  await agent.touch("enough");
  await agent.ended("waits");
});

test("without a tmux server runs wait and say why; they start when there is one", async () => {
  await using agent = await jobsAgent({ jobs: [rareJob("later", { execute: saysItRan("exit 0") })] });
  await agent.tmux.kill();
  await agent.schedule();
  await agent.wish("later");
  const concern = await until(async () => (await readStatus(agent.paths, "scheduler"))?.concerns["runs"]);
  expect(concern).toBe("later: no tmux server runs");
  expect(await agent.ran()).toEqual([]);
  await startTmux(agent);
  expect(await agent.ended("later")).toMatchObject({ outcome: "success" });
  await until(async () => (await readStatus(agent.paths, "scheduler"))?.concerns["runs"] === undefined);
});

test("a file that is a script is run as it is; one that cannot be executed is a failure with its cure", async () => {
  await using agent = await jobsAgent({
    jobs: [rareJob("file", { retries: { max: 0 }, execute: { type: "script", value: "./work.sh" } })],
  });
  await writeFile(join(agent.dir, "work.sh"), "#!/bin/sh\nexit 4\n", { mode: 0o755 });
  await agent.schedule();
  await agent.wish("file");
  expect(await agent.ended("file")).toMatchObject({ outcome: "failure", exitCode: 4 });
  await writeFile(join(agent.dir, "new.sh"), "#!/bin/sh\n", { mode: 0o644 });
  await agent.setJobs([rareJob("file", { execute: { type: "script", value: "./new.sh" } })]);
  const { slot } = await until(async () => {
    const answer = await agent.trigger("file");
    return answer.result !== "skipped" && answer;
  });
  expect(await agent.ended("file", slot)).toMatchObject({
    outcome: "failure",
    startedAt: null,
    reason: expect.stringContaining("the script ./new.sh is not executable; chmod +x") as string,
  });
});
