import { expect, test } from "vitest";
import { isoInstant } from "../../shared/clock.ts";
import type { SlotRecord } from "../../shared/slots.ts";
import { saysItRan } from "../support/explain.ts";
import { jobsAgent, rareJob } from "../support/jobs-agent.ts";
import { until } from "../support/until.ts";

/** Two slots that failed, as the journal of a job holds them. */
function twoFailures(nowMs: number): SlotRecord[] {
  return [1, 2].flatMap((minute): SlotRecord[] => {
    const at = isoInstant(nowMs - (3 - minute) * 60_000);
    const base = { v: 1, at, slot: at, attempt: 1 } as const;
    const end = { startedAt: null, endedAt: at, exitCode: 3, signal: null };
    return [
      { ...base, type: "claimed", trigger: "manual", id: `wish-${minute}` },
      { ...base, type: "finished", outcome: "failure", ...end },
    ];
  });
}

test("an alert that an earlier life did not come to tell is told by the job's priority", async () => {
  const execute = saysItRan("exit 3");
  const jobs = [rareJob("critical", { priority: "critical", execute }), rareJob("normal", { execute })];
  await using agent = await jobsAgent({ jobs });
  for (const { slug } of jobs) await agent.remember(slug, twoFailures(Date.now()));
  const scheduler = await agent.schedule();
  await until(async () => (await agent.events("job_failed")).length === 4);
  await scheduler.stop();
  expect((await agent.events("job_alert")).map(({ slug }) => slug)).toEqual(["critical"]);
});
