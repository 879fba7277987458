import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isoInstant } from "../../shared/clock.ts";
import { gateFolder, runFolder, runIdOf } from "../../shared/runs.ts";
import type { SlotRecord } from "../../shared/slots.ts";
import { explain, saysItRan } from "../support/explain.ts";
import { type JobsAgent, jobsAgent, rareJob, waitsFor } from "../support/jobs-agent.ts";
import { ofType } from "../support/scheduler-lives.ts";
import { until } from "../support/until.ts";

const AGO_MS = 60_000;

/** A slot as an earlier life left it, claimed a minute ago. */
async function leftClaimed(agent: JobsAgent, slug: string, more: readonly SlotRecord[] = []): Promise<string> {
  const slot = isoInstant(Date.now() - AGO_MS);
  const base = { v: 1, at: slot } as const;
  await agent.remember(slug, [
    { ...base, type: "considered", until: slot, schedule: "0 0 1 1 * UTC", standing: "on", reason: "first seen" },
    { ...base, type: "claimed", slot, attempt: 1, trigger: "manual", id: "left" },
    ...more,
  ]);
  return slot;
}

const JOB = rareJob("left", { timezone: "UTC", execute: saysItRan("exit 0") });

test("claimed and nothing more: it runs", async () => {
  await using agent = await jobsAgent({ jobs: [JOB] });
  const slot = await leftClaimed(agent, "left");
  await agent.schedule();
  expect(await agent.ended("left")).toMatchObject({ slot, attempt: 1, outcome: "success" });
  expect(await agent.ran()).toEqual([runIdOf({ slug: "left", slot, attempt: 1 })]);
});

test("closed for a reason before any began, and not said yet: it is skipped for that reason", async () => {
  await using agent = await jobsAgent({ jobs: [JOB] });
  const slot = await leftClaimed(agent, "left");
  const folder = runFolder(agent.paths, { slug: "left", slot, attempt: 1 });
  await mkdir(folder, { recursive: true });
  const closed = { reason: "quota", detail: "weekly usage is 97 %" };
  await writeFile(join(folder, "begun"), JSON.stringify({ pid: 0, startTime: "", bootId: "", closed }));
  const scheduler = await agent.schedule();
  expect(await agent.words("left", 1)).toEqual(["quota"]);
  await scheduler.stop();
  expect((await explain(agent.paths, JOB)).problems).toEqual([]);
  expect(await agent.ran()).toEqual([]);
});

test("an attempt that failed, its retry due long ago: it is claimed and runs", async () => {
  const job = rareJob("left", {
    timezone: "UTC",
    retries: { max: 1, backoffSeconds: 5 },
    execute: saysItRan("exit 0"),
  });
  await using agent = await jobsAgent({ jobs: [job] });
  const at = isoInstant(Date.now() - AGO_MS);
  const failed = (slot: string): SlotRecord => ({
    v: 1,
    type: "finished",
    at,
    slot,
    attempt: 1,
    outcome: "failure",
    startedAt: null,
    endedAt: at,
    exitCode: 1,
    signal: null,
    retryAt: isoInstant(Date.parse(at) + 5000),
  });
  const slot = await leftClaimed(agent, "left");
  await agent.remember("left", [failed(slot)]);
  await agent.schedule();
  expect(await agent.ended("left")).toMatchObject({ slot, attempt: 2, outcome: "success" });
});

test("a gate that runs when the scheduler is killed is asked no second time", async () => {
  const gate = `echo gate >> "$INSTAR_AGENT_DIR/gates"; ${waitsFor("enough").value.split("\n").slice(1).join("\n")}`;
  await using agent = await jobsAgent({ jobs: [rareJob("gated", { gate, execute: saysItRan("exit 0") })] });
  const first = await agent.schedule();
  await agent.wish("gated");
  await until(async () => (await linesOf(agent, "gates")) === 1);
  await first.kill();
  await agent.schedule();
  await agent.touch("enough");
  expect(await agent.ended("gated")).toMatchObject({ outcome: "success" });
  expect(await linesOf(agent, "gates")).toBe(1);
  const [claim] = await ofType(agent, "gated", "claimed");
  const folder = runFolder(agent.paths, { slug: "gated", slot: claim?.slot ?? "", attempt: 1 });
  expect(gateFolder(folder).startsWith(folder)).toBe(true);
});

async function linesOf(agent: JobsAgent, name: string): Promise<number> {
  return (await readFile(join(agent.dir, name), "utf8")).trimEnd().split("\n").length;
}

test("what an earlier life did not come to tell is told: once, and in order", async () => {
  await using agent = await jobsAgent({ jobs: [JOB] });
  const slot = await leftClaimed(agent, "left");
  const first = await agent.schedule();
  await agent.ended("left");
  await first.stop();
  const run = runIdOf({ slug: "left", slot, attempt: 1 });
  const told = async (): Promise<string[]> =>
    (await agent.events("job_triggered", "job_completed")).map(({ id }) => id);
  expect(await told()).toEqual([`triggered:${run}`, `finished:${run}`]);
  // As if it had been killed right after the journal's line.
  for (const { at } of await agent.events("job_triggered"))
    await rm(join(agent.paths.state("scheduler"), `events-${at.slice(0, 10)}.jsonl`));
  const second = await agent.schedule();
  await second.stop();
  expect(await told()).toEqual([`triggered:${run}`, `finished:${run}`]);
});

test("wishes that came while nobody was there are each granted once, in their order", async () => {
  const job = rareJob("wished", { overlap: "buffer-all", execute: saysItRan("exit 0") });
  await using agent = await jobsAgent({ jobs: [job] });
  for (let wish = 0; wish < 5; wish++) await agent.wish("wished");
  const first = await agent.schedule();
  await until(async () => (await agent.ran()).length > 1);
  await first.kill();
  await agent.schedule();
  expect(await agent.words("wished", 5)).toEqual(Array<string>(5).fill("success"));
  expect(new Set(await agent.ran()).size).toBe(5);
  expect(await agent.ran()).toHaveLength(5);
});
