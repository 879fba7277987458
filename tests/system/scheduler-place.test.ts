import { join } from "node:path";
import { expect, test } from "vitest";
import { EXIT } from "../../shared/errors.ts";
import { readStatus } from "../../shared/lifecycle.ts";
import { saysItRan } from "../support/explain.ts";
import { jobsAgent } from "../support/jobs-agent.ts";
import { accounted, isOver } from "../support/scheduler-lives.ts";
import { until } from "../support/until.ts";

const BEAT = { slug: "beat", name: "beat", schedule: "@every 1s", execute: saysItRan("exit 0") };

test("a second scheduler leaves with its own exit code and says who holds the place", async () => {
  await using agent = await jobsAgent({ jobs: [BEAT] });
  const first = await agent.schedule();
  const since = (await readStatus(agent.paths, "scheduler"))?.since ?? "";
  const second = await agent.start("scheduler");
  expect(await second.exitCode).toBe(EXIT.taken);
  expect(second.log).toContain(`pid ${first.pid} since ${since}`);
  expect(first.hasEnded).toBe(false);
  expect((await readStatus(agent.paths, "scheduler"))?.pid).toBe(first.pid);
});

test("of many that are started at once one stays, and nothing runs twice; the place is free when it is killed", async () => {
  await using agent = await jobsAgent({ jobs: [BEAT] });
  const many = await Promise.all(Array.from({ length: 4 }, () => agent.start("scheduler")));
  const codes = async (): Promise<(number | null)[]> =>
    Promise.all(many.filter(({ hasEnded }) => hasEnded).map(({ exitCode }) => exitCode));
  await until(async () => (await codes()).length === 3);
  expect(await codes()).toEqual([EXIT.taken, EXIT.taken, EXIT.taken]);
  await until(async () => (await agent.ran()).length > 1);
  await many.find(({ hasEnded }) => !hasEnded)?.kill();
  const next = await agent.schedule();
  await agent.setJobs([{ ...BEAT, enabled: false }]);
  await until(async () => isOver(agent, "beat"));
  await accounted(agent, BEAT);
  await next.stop();
});

test("two agents in folders of one name do not meet", async () => {
  await using one = await jobsAgent({ jobs: [BEAT], name: "twin" });
  await using other = await jobsAgent({ jobs: [{ ...BEAT, slug: "other" }], name: "twin" });
  await one.schedule();
  await other.schedule();
  await until(async () => (await one.ran()).length > 1 && (await other.ran()).length > 1);
  expect((await one.ran()).every((id) => id.startsWith("beat@"))).toBe(true);
  expect((await other.ran()).every((id) => id.startsWith("other@"))).toBe(true);
  expect(join(one.dir, "..")).not.toBe(join(other.dir, ".."));
});
