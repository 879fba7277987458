import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readWitness, runFolder } from "../../shared/runs.ts";
import { explain, saysItRan } from "../support/explain.ts";
import { type JobsAgent, jobsAgent, rareJob, waitsFor } from "../support/jobs-agent.ts";
import { ofType, settleAndExplain } from "../support/scheduler-lives.ts";
import { startTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

/** The folder of the first attempt for a slot. */
const folderOf = (agent: JobsAgent, slug: string, slot: string): string =>
  runFolder(agent.paths, { slug, slot, attempt: 1 });

/** Rewrites a file that a wrapper left. */
async function change(path: string, fields: object): Promise<void> {
  const before = JSON.parse(await readFile(path, "utf8")) as object;
  await writeFile(path, JSON.stringify({ ...before, ...fields }));
}

test("the tmux server is killed: its runs are lost, not tried again, and the next slots run on the next server", async () => {
  const beat = { slug: "beat", name: "beat", schedule: "@every 1s", execute: saysItRan("exit 0") };
  const long = rareJob("long", { retries: { max: 3, backoffSeconds: 0 }, execute: waitsFor("enough") });
  await using agent = await jobsAgent({ jobs: [beat, long] });
  const scheduler = await agent.schedule();
  await agent.trigger("long");
  await until(async () => (await agent.ran()).some((id) => id.startsWith("long@")));
  await agent.tmux.kill();
  expect(await agent.ended("long")).toMatchObject({ outcome: "lost", attempt: 1 });
  await startTmux(agent);
  const ran = (await agent.ran()).length;
  await until(async () => (await agent.ran()).length > ran);
  await agent.setJobs([{ ...beat, enabled: false }, long]);
  await settleAndExplain(agent, [beat, long], scheduler);
  expect((await agent.ran()).filter((id) => id.startsWith("long@"))).toHaveLength(1);
});

test("the machine was restarted while work ran: it is lost, whoever has its pid now", async () => {
  await using agent = await jobsAgent({ jobs: [rareJob("long", { execute: waitsFor("enough") })] });
  const first = await agent.schedule();
  const { slot } = await agent.trigger("long");
  const begun = join(folderOf(agent, "long", slot), "begun");
  await until(async () => (await agent.ran()).length === 1);
  await first.kill();
  // A boot ends everything. That its pid lives is what a machine may do to us afterwards.
  await change(begun, { bootId: "00000000-0000-0000-0000-000000000000" });
  const second = await agent.schedule();
  expect(await agent.ended("long")).toMatchObject({
    outcome: "lost",
    reason: "the machine was restarted while it ran",
    exitCode: null,
  });
  await second.stop();
});

test("another process has the pid of a wrapper that died: the run is lost, and the other is left alone", async () => {
  const jobs = [rareJob("lost", { execute: waitsFor("enough") }), rareJob("other", { execute: waitsFor("enough") })];
  await using agent = await jobsAgent({ jobs });
  const first = await agent.schedule();
  const lost = await agent.trigger("lost");
  // Processes are told apart by when they started, to a hundredth of a second.
  await until(async () => (await agent.ran()).length === 1);
  const other = await agent.trigger("other");
  const witness = await until(async () => {
    const found = await readWitness(folderOf(agent, "other", other.slot));
    return (await agent.ran()).length === 2 && found.begun;
  });
  await first.kill();
  const folder = folderOf(agent, "lost", lost.slot);
  const { begun } = await readWitness(folder);
  process.kill(-(begun?.group ?? 0), "SIGKILL");
  await change(join(folder, "begun"), { pid: witness.pid, group: 0 });
  await agent.schedule();
  expect(await agent.ended("lost")).toMatchObject({ outcome: "lost", reason: "it was killed from outside" });
  await agent.touch("enough");
  expect(await agent.ended("other")).toMatchObject({ outcome: "success" });
});

test("the wrapper and its work are killed: lost; the work alone: a failure by its signal", async () => {
  const jobs = [
    rareJob("wrapper", { execute: waitsFor("enough") }),
    rareJob("work", { execute: saysItRan("kill -9 $$") }),
  ];
  await using agent = await jobsAgent({ jobs });
  await agent.schedule();
  const { slot } = await agent.trigger("wrapper");
  const begun = await until(async () => (await readWitness(folderOf(agent, "wrapper", slot))).begun);
  await until(async () => (await agent.ran()).length === 1);
  process.kill(-begun.group, "SIGKILL");
  expect(await agent.ended("wrapper")).toMatchObject({ outcome: "lost" });
  await agent.wish("work");
  expect(await agent.ended("work")).toMatchObject({
    outcome: "failure",
    signal: "SIGKILL",
    reason: "ended by SIGKILL",
  });
});

test("a run's folder is removed while it runs: the scheduler goes on, and says what it can no longer know", async () => {
  await using agent = await jobsAgent({ jobs: [rareJob("gone", { execute: waitsFor("enough") })] });
  const scheduler = await agent.schedule();
  const { slot } = await agent.trigger("gone");
  await until(async () => (await agent.ran()).length === 1);
  await scheduler.kill();
  await rm(folderOf(agent, "gone", slot), { recursive: true });
  const next = await agent.schedule();
  await agent.touch("enough");
  // Nobody can tell that it ran: it is opened anew. That is why the folder is the scheduler's.
  await until(async () => (await ofType(agent, "gone", "finished")).length === 1);
  expect((await next.stop()) === 0).toBe(true);
});

test("damaged lines in a slot journal are passed over and told of; the job goes on", async () => {
  const beat = { slug: "beat", name: "beat", schedule: "@every 1s", execute: saysItRan("exit 0") };
  await using agent = await jobsAgent({ jobs: [beat] });
  const first = await agent.schedule();
  await until(async () => (await ofType(agent, "beat", "finished")).length > 1);
  await first.kill();
  const journal = join(agent.paths.state("scheduler"), "slots/beat", `${new Date().toISOString().slice(0, 7)}.jsonl`);
  const text = await readFile(journal, "utf8");
  const lines = text.trimEnd().split("\n");
  await writeFile(journal, [...lines, "{ damaged", '{"v":1,"type":"clai'].join("\n"));
  const second = await agent.schedule();
  const count = (await agent.ran()).length;
  await until(async () => (await agent.ran()).length > count);
  expect(second.log).toContain("damaged");
  await agent.setJobs([{ ...beat, enabled: false }]);
  await until(async () => {
    const { problems, open } = await explain(agent.paths, beat);
    return open.length === 0 && problems.every((problem) => problem.startsWith("damage:"));
  });
});
