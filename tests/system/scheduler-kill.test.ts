import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Outcome } from "../../shared/protocol.ts";
import type { SlotRecord } from "../../shared/slots.ts";
import { RAN, saysItRan } from "../support/explain.ts";
import { processesWith } from "../support/processes.ts";
import { chooseSeed, ofType, PROVE, seenUntil, settleAndExplain } from "../support/scheduler-lives.ts";
import { createRandom } from "../support/seeded.ts";
import { tempAgent, type TempAgent } from "../support/temp-agent.ts";
import { startTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

const EVERY_SECOND = { schedule: "@every 1s" };

/** They fire every second, and each has something else happen to it. */
const FIVE = [
  { slug: "quick", execute: saysItRan("exit 0") },
  { slug: "slow", overlap: "buffer-one", execute: saysItRan("sleep 1.3") },
  { slug: "flaky", retries: { max: 1, backoffSeconds: 0.5 }, execute: saysItRan('[ "$INSTAR_ATTEMPT" = 2 ]') },
  { slug: "gated", gate: 'test "$(($(date +%s) % 2))" = 0', overlap: "allow", execute: saysItRan("exit 0") },
  { slug: "replaced", overlap: "cancel-other", execute: saysItRan("exec sleep 2.5") },
].map((job) => ({ name: job.slug, ...EVERY_SECOND, ...job }));

/** Runs as long as the whole proof. */
const LONG = {
  slug: "long",
  name: "long",
  ...EVERY_SECOND,
  execute: saysItRan(
    'echo $$ > "$INSTAR_AGENT_DIR/long-began"; while [ ! -e "$INSTAR_AGENT_DIR/enough" ]; do sleep 0.2; done; echo $$ > "$INSTAR_AGENT_DIR/long-ended"',
  ),
};

const KILLS = PROVE ? 300 : 30;

test(`${KILLS} kills at random while jobs fire every second: nothing runs twice, every instant is explained`, async () => {
  const jobs = [...FIVE, LONG];
  const random = createRandom(chooseSeed(4711));
  await using agent = await tempAgent({ jobs, config: { scheduler: { maxParallelJobs: 12 } } });
  await startTmux(agent);
  for (let kill = 0; kill < KILLS; kill++) {
    const scheduler = await agent.start("scheduler");
    await delay(random.int(0, 1200));
    if (random.int(1, 4) === 1) await scheduler.stop();
    else await scheduler.kill();
  }
  const last = await agent.start("scheduler");
  await last.ready;
  await seenUntil(agent, "quick", (records) => records.some(isOf("success")));
  await seenUntil(agent, "flaky", (records) => records.some(isOf("failure")));
  await seenUntil(agent, "replaced", (records) => records.some(isOf("killed")));
  await seenUntil(agent, "gated", (records) => records.some(({ type }) => type === "skipped"));
  const [began] = await until(() => linesOf(agent, "long-began"));
  await writeFile(agent.paths.jobs, JSON.stringify(jobs.map((job) => ({ ...job, enabled: false }))));
  await writeFile(join(agent.dir, "enough"), "");
  const found = await settleAndExplain(agent, jobs, last);

  expect(await linesOf(agent, "long-ended")).toEqual([began]);
  const [run] = await ofType(agent, "long", "finished");
  expect(run).toMatchObject({ outcome: "success", exitCode: 0 });
  expect((await linesOf(agent, RAN)).filter((id) => id.startsWith("long@"))).toHaveLength(1);
  expect(found["quick"]?.words["success"]).toBeGreaterThan(0);
  expect(found["flaky"]?.words["failure"]).toBeGreaterThan(0);
  expect(found["replaced"]?.words["killed"]).toBeGreaterThan(0);
  expect(found["gated"]?.words["gate"]).toBeGreaterThan(0);
}, 900_000);

const FAULTS = PROVE ? 60 : 10;

test(`${FAULTS} kills of the scheduler, the tmux server or the whole machine while jobs fire every second`, async () => {
  const random = createRandom(chooseSeed(815));
  await using agent = await tempAgent({ jobs: FIVE, config: { scheduler: { maxParallelJobs: 12 } } });
  let tmux = await startTmux(agent);
  for (let fault = 0; fault < FAULTS; fault++) {
    const scheduler = await agent.start("scheduler");
    await delay(random.int(300, 1200));
    const what = random.pick(["scheduler", "tmux", "machine"] as const);
    if (what !== "tmux") await scheduler.kill();
    if (what !== "scheduler") await tmux.kill();
    if (what === "machine") await endTheBoot(agent);
    if (what !== "scheduler") tmux = await startTmux(agent);
    // A living scheduler goes on with the next server.
    if (what === "tmux") await delay(random.int(0, 600));
    if (what === "tmux") await scheduler.kill();
  }
  const last = await agent.start("scheduler");
  await last.ready;
  await seenUntil(agent, "quick", (records) => records.some(isOf("success")));
  await writeFile(agent.paths.jobs, JSON.stringify(FIVE.map((job) => ({ ...job, enabled: false }))));
  const found = await settleAndExplain(agent, FIVE, last);
  expect(found["quick"]?.words["success"]).toBeGreaterThan(0);
}, 900_000);

/** Ends every process of the agent, and makes what they left look as if it came from the boot before. */
async function endTheBoot(agent: TempAgent): Promise<void> {
  const runs = join(agent.paths.state("scheduler"), "runs");
  await until(async () => {
    const pids = await processesWith([`${runs}/`, `INSTAR_AGENT_DIR=${agent.dir}\0`]);
    for (const pid of pids) process.kill(pid, "SIGKILL");
    return pids.length === 0;
  });
  // Killed early, it may have had none.
  for (const name of await readdir(runs, { recursive: true }).catch(() => [])) {
    if (!name.endsWith("/begun")) continue;
    const begun = JSON.parse(await readFile(join(runs, name), "utf8")) as { pid: number };
    if (begun.pid !== 0) await writeFile(join(runs, name), JSON.stringify({ ...begun, bootId: "the-boot-before" }));
  }
}

const isOf =
  (outcome: Outcome) =>
  (record: SlotRecord): boolean =>
    record.type === "finished" && record.outcome === outcome;

async function linesOf(agent: TempAgent, name: string): Promise<string[]> {
  return (await readFile(join(agent.dir, name), "utf8")).split("\n").filter(Boolean);
}
