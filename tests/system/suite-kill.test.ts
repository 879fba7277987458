import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../../shared/proc.ts";
import { loadLedger } from "../../shared/slots.ts";
import { readSupervisorStatus } from "../../shared/supervisor.ts";
import { explain } from "../support/explain.ts";
import { LONG, QUICK, said, statusOf, workOf, daemonOf, health } from "../support/suite.ts";
import { tempAgent } from "../support/temp-agent.ts";
import { until } from "../support/until.ts";

test("SIGKILL of each daemon, 20 times: the others and the runs do not blink, and every instant is explained", async () => {
  await using agent = await tempAgent({ jobs: [LONG, QUICK], config: { scheduler: { maxParallelJobs: 5 } } });
  await said(agent, "server", "start");
  const work = await workOf(agent);
  const others = { scheduler: "gateway", gateway: "scheduler" } as const;
  for (const [name, other] of Object.entries(others) as ["scheduler" | "gateway", "scheduler" | "gateway"][]) {
    const steady = await daemonOf(agent, other);
    const answers = new Set<number>();
    let pid = 0;
    for (let count = 0; count < 20; count += 1) {
      pid = (await daemonOf(agent, name, pid)).pid;
      process.kill(pid, "SIGKILL");
      answers.add(other === "gateway" ? await health(agent) : 200);
    }
    expect([...answers]).toEqual([200]);
    await daemonOf(agent, name, pid);
    expect([await isAlive(steady), await isAlive(work)]).toEqual([true, true]);
    expect((await statusOf(agent))["daemons"]).toMatchObject({
      [name]: { restarts: 20 },
      [other]: { pid: steady.pid },
    });
  }
  expect(await health(agent)).toBe(200);
  const jobs = [LONG, QUICK].map((job) => Object.assign({ enabled: false }, job));
  await writeFile(agent.paths.jobs, JSON.stringify(jobs));
  await writeFile(join(agent.dir, "enough"), "");
  await until(async () => {
    const ledgers = await Promise.all(jobs.map(({ slug }) => loadLedger(agent.paths, slug)));
    return ledgers.every(({ ledger }) => ledger.open.size === 0 && ledger.standing === "disabled");
  });
  await said(agent, "server", "stop");
  for (const job of jobs) expect(await explain(agent.paths, job)).toMatchObject({ problems: [], open: [] });
});

test("SIGKILL of the supervisor: all goes on, status says so, and the next one adopts what lives", async () => {
  await using agent = await tempAgent({ jobs: [LONG] });
  await said(agent, "server", "start");
  const work = await workOf(agent);
  const before = await Promise.all([daemonOf(agent, "scheduler"), daemonOf(agent, "gateway")]);
  const supervisor = await readSupervisorStatus(agent.paths);
  process.kill(supervisor?.pid ?? 0, "SIGKILL");
  await until(async () => (await readSupervisorStatus(agent.paths)) === null);
  expect(await statusOf(agent)).toMatchObject({ running: true, supervisor: null });
  expect(await health(agent)).toBe(200);
  expect((await said(agent, "server", "start")).exitCode).toBe(0);
  const after = await Promise.all([daemonOf(agent, "scheduler"), daemonOf(agent, "gateway")]);
  expect(after.map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
  expect(await isAlive(work)).toBe(true);
  process.kill(after[0].pid, "SIGKILL");
  await daemonOf(agent, "scheduler", after[0].pid);
});

test("daemons that a killed supervisor left are ended by server stop", async () => {
  await using agent = await tempAgent();
  await said(agent, "server", "start");
  const scheduler = await daemonOf(agent, "scheduler");
  process.kill((await readSupervisorStatus(agent.paths))?.pid ?? 0, "SIGKILL");
  await until(async () => (await readSupervisorStatus(agent.paths)) === null);
  expect((await said(agent, "server", "stop")).stdout).toMatch(/^stopped gateway, scheduler; /);
  expect(await isAlive(scheduler)).toBe(false);
});
