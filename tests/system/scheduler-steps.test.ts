import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isoInstant } from "../../shared/clock.ts";
import { readWitness, runFolder } from "../../shared/runs.ts";
import { loadLedger } from "../../shared/slots.ts";
import { openWishes } from "../../shared/triggers.ts";
import { RAN, saysItRan } from "../support/explain.ts";
import { inParallel, type StrikePoint } from "../support/file-steps.ts";
import { isOver, ofType, PROVE, seenUntil, settleAndExplain, startMeddled } from "../support/scheduler-lives.ts";
import { pointsOf } from "../support/steps.ts";
import { tempAgent, type TempAgent } from "../support/temp-agent.ts";
import { startTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

/** All that can happen to a slot: a wish, a gate, a failure, a retry, success. */
const TRIED_TWICE = {
  slug: "twice",
  name: "twice",
  schedule: "0 0 1 1 *",
  gate: "exit 0",
  retries: { max: 1, backoffSeconds: 0 },
  execute: saysItRan('[ "$INSTAR_ATTEMPT" = 2 ]'),
};

/** Snapshots on which nothing hangs; files that are opened to be looked at, and are not there or small. */
const IS_NO_CHANGE = /\/run\/|\/run$|\/view\.json|^\d+ open .*\/(output|result\.json)$/;

/** An agent with a wish for the job; `live` starts its scheduler. The slot goes its way to its end. */
async function goTheWay(live: (agent: TempAgent) => Promise<void>): Promise<void> {
  await using agent = await tempAgent({ jobs: [TRIED_TWICE] });
  await openWishes(agent.paths).put("wish", { slug: "twice", at: isoInstant(Date.now()) });
  await startTmux(agent);
  await live(agent);
  const last = await agent.start("scheduler");
  await seenUntil(agent, "twice", (records) => records.some(({ type }) => type === "finished"));
  await settleAndExplain(agent, [TRIED_TWICE], last);
  const ends = (await ofType(agent, "twice", "finished")).map(({ attempt, outcome }) => [attempt, outcome]);
  expect(ends).toEqual([
    [1, "failure"],
    [2, "success"],
  ]);
  const ran = (await readFile(join(agent.dir, RAN), "utf8")).trim().split("\n");
  expect(ran).toHaveLength(2);
  const [first] = await ofType(agent, "twice", "claimed");
  const folder = runFolder(agent.paths, { slug: "twice", slot: first?.slot ?? "", attempt: 2 });
  expect((await readWitness(folder)).exit?.code).toBe(0);
}

/** Whether the slot of the wish has its last word. */
async function isDone(agent: TempAgent): Promise<boolean> {
  const { ledger } = await loadLedger(agent.paths, "twice");
  return ledger.lastOutcome === "success" && (await isOver(agent, "twice"));
}

/** Every fourth point of those before and midway: what comes after a step is what comes before the next. */
function someOf(points: readonly StrikePoint[]): readonly StrikePoint[] {
  return points.filter(({ when }) => when !== "after").filter((_, index) => index % 4 === 0);
}

test("SIGKILL at every step of claim, begun, exit and outcome: the slot goes on where it was, each attempt runs once", async () => {
  let points: readonly StrikePoint[] = [];
  await goTheWay(async (agent) => {
    const log = join(agent.dir, "steps");
    const scheduler = await startMeddled(agent, "kill-at-step.mjs", { STEP_LOG: log, STEP_ROOT: agent.paths.instar });
    await until(() => isDone(agent));
    await scheduler.stop();
    points = pointsOf(await readFile(log, "utf8")).filter(({ what }) => !IS_NO_CHANGE.test(what));
  });
  expect(points.length).toBeGreaterThan(200);
  const chosen = PROVE ? points : someOf(points);
  await inParallel(chosen, 4, async ({ step, when, what }) => {
    try {
      await goTheWay(async (agent) => {
        const strike = { STEP_STRIKE: `${step} ${when} SIGKILL`, STEP_ROOT: agent.paths.instar };
        const struck = await startMeddled(agent, "kill-at-step.mjs", strike);
        await until(async () => struck.hasEnded || (await isDone(agent)));
        await struck.kill();
      });
    } catch (error) {
      throw new Error(`struck ${when} step ${what}`, { cause: error });
    }
  });
}, 900_000);
