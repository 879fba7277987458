import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadLedger, type SlotRecord } from "../../shared/slots.ts";
import { explain, RAN, saysItRan } from "../support/explain.ts";
import { startMeddled } from "../support/scheduler-lives.ts";
import { tempAgent, type TempAgent } from "../support/temp-agent.ts";
import { startTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

const HOUR_MS = 3_600_000;
/** Half an hour from now, so that no step of the clock lands beside an instant. */
const HOURLY = `${(new Date().getUTCMinutes() + 30) % 60} * * * *`;

const JOBS = [
  { slug: "quick", schedule: "@every 1s", execute: saysItRan("exit 0") },
  { slug: "hourly-all", schedule: HOURLY, catchUp: "all", overlap: "allow", execute: saysItRan("exit 0") },
  { slug: "hourly-latest", schedule: HOURLY, catchUp: "latest", execute: saysItRan("exit 0") },
  { slug: "hourly-none", schedule: HOURLY, catchUp: "none", execute: saysItRan("exit 0") },
  // As long as the default limit of four hours would be passed by each step.
  {
    slug: "steady",
    schedule: "@every 1s",
    execute: saysItRan('while [ ! -e "$INSTAR_AGENT_DIR/enough" ]; do sleep 0.2; done'),
  },
].map((job) => ({ name: job.slug, ...job }));

async function recordsOf(agent: TempAgent, slug: string): Promise<readonly SlotRecord[]> {
  return (await loadLedger(agent.paths, slug, { recentMin: 10_000 })).recent;
}

async function claimsOf(agent: TempAgent, slug: string, trigger: string): Promise<number[]> {
  const records = await recordsOf(agent, slug);
  return records.flatMap((record) =>
    record.type === "claimed" && record.trigger === trigger ? [Date.parse(record.slot)] : [],
  );
}

test("the clock is set forward and back while jobs run: nothing runs twice, gaps are told, each job by its policy", async () => {
  await using agent = await tempAgent({ jobs: JOBS, config: { scheduler: { maxParallelJobs: 30 } } });
  const steps = join(agent.dir, "steps");
  await writeFile(steps, "");
  let offsetMs = 0;
  const offsets = [offsetMs];
  const clockNow = (): number => Date.now() + offsetMs;
  const setClock = async (byMs: number): Promise<number> => {
    offsetMs += byMs;
    offsets.push(offsetMs);
    const atMs = Date.now();
    await appendFile(steps, `${atMs} ${offsetMs}\n`);
    return atMs + offsetMs;
  };
  /** The machine's time at which the clock showed `wallMs`: this test is short beside the steps, so only one fits. */
  const asLived = (wallMs: number): number => {
    const awayMs = (at: number): number => Math.abs(at - Date.now());
    return offsets.map((offset) => wallMs - offset).reduce((a, b) => (awayMs(a) <= awayMs(b) ? a : b));
  };
  /** Waits for a run of an instant after the one that the clock shows now. */
  const runsOn = async (): Promise<void> => {
    const afterMs = clockNow();
    await until(async () =>
      (await claimsOf(agent, "quick", "schedule")).some((at) => at > afterMs && at <= clockNow()),
    );
  };
  await startTmux(agent);
  const scheduler = await startMeddled(agent, "step-clock.mjs", { CLOCK_STEPS: steps });
  await scheduler.ready;
  await runsOn();

  await setClock(8 * HOUR_MS);
  await runsOn();
  const caughtUp = {
    all: (await claimsOf(agent, "hourly-all", "catch-up")).length,
    latest: (await claimsOf(agent, "hourly-latest", "catch-up")).length,
    none: (await claimsOf(agent, "hourly-none", "catch-up")).length,
  };
  expect(caughtUp).toEqual({ all: 8, latest: 1, none: 0 });

  await setClock(-HOUR_MS);
  await runsOn();
  const stepped = (await recordsOf(agent, "quick")).filter((record) => record.type === "considered");
  expect(stepped.at(-1)?.reason).toMatch(/^the clock was stepped back by 3\d{3} s$/);

  await setClock(72 * HOUR_MS);
  await runsOn();
  expect((await claimsOf(agent, "hourly-latest", "catch-up")).length).toBe(2);
  // A window of a day.
  expect((await claimsOf(agent, "hourly-all", "catch-up")).length).toBe(8 + 24);

  // First no slot is due any more: the last one of `steady` would start when this one ends.
  await writeFile(agent.paths.jobs, JSON.stringify(JOBS.map((job) => ({ ...job, enabled: false }))));
  await until(async () => (await loadLedger(agent.paths, "steady")).ledger.standing === "disabled");
  await writeFile(join(agent.dir, "enough"), "");
  await until(async () => {
    const ledgers = await Promise.all(JOBS.map(({ slug }) => loadLedger(agent.paths, slug)));
    return ledgers.every(({ ledger }) => ledger.open.size === 0 && ledger.standing === "disabled");
  });
  await scheduler.kill();
  for (const job of JOBS) {
    const { problems, open } = await explain(agent.paths, job, { nowMs: clockNow(), asLived });
    expect([job.slug, problems, open]).toEqual([job.slug, [], []]);
  }
  const ran = (await readFile(join(agent.dir, RAN), "utf8")).split("\n");
  expect(ran.filter((runId) => runId.startsWith("steady@"))).toHaveLength(1);
  expect((await recordsOf(agent, "steady")).findLast((record) => record.type === "finished")).toMatchObject({
    outcome: "success",
  });
});

test("the clock is set while the scheduler is down: a run that goes on is as old as its process, not as the clock says", async () => {
  const work = 'while [ ! -e "$INSTAR_AGENT_DIR/enough" ]; do sleep 0.05; done';
  const job = { slug: "long", name: "long", schedule: "@every 1s", timeoutMinutes: 60, execute: saysItRan(work) };
  await using agent = await tempAgent({ jobs: [job] });
  const steps = join(agent.dir, "steps");
  await writeFile(steps, "");
  await startTmux(agent);
  const first = await startMeddled(agent, "step-clock.mjs", { CLOCK_STEPS: steps });
  await until(async () => (await readFile(join(agent.dir, RAN), "utf8").catch(() => "")) !== "");
  await first.kill();
  await appendFile(steps, `${Date.now()} ${8 * HOUR_MS}\n`);
  const second = await startMeddled(agent, "step-clock.mjs", { CLOCK_STEPS: steps });
  // It has looked at the run when it has refused a slot because of it.
  await until(async () =>
    (await recordsOf(agent, "long")).some(
      ({ type, at }) => type === "skipped" && Date.parse(at) > Date.now() + HOUR_MS,
    ),
  );
  await writeFile(join(agent.dir, "enough"), "");
  await until(async () => (await recordsOf(agent, "long")).some(({ type }) => type === "finished"));
  await second.kill();
  expect((await recordsOf(agent, "long")).find(({ type }) => type === "finished")).toMatchObject({
    outcome: "success",
  });
});
