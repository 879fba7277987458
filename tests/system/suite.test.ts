import { once } from "node:events";
import { cp, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { agentPaths, readRun } from "../../shared/paths.ts";
import { isAlive } from "../../shared/proc.ts";
import { loadLedger } from "../../shared/slots.ts";
import { startInstar } from "../support/cli.ts";
import { RAN } from "../support/explain.ts";
import { processesWith } from "../support/processes.ts";
import { LONG, QUICK, said, statusOf, workOf, daemonOf, health } from "../support/suite.ts";
import { tempAgent } from "../support/temp-agent.ts";
import { until } from "../support/until.ts";

test("server start, status, restart, stop: what they say is so", async () => {
  await using agent = await tempAgent();
  const down = await said(agent, "status");
  expect(down).toMatchObject({
    exitCode: 69,
    stdout: expect.stringMatching(/^not running; start it: instar server start/),
  });
  expect(await statusOf(agent)).toMatchObject({
    running: false,
    supervisor: null,
    url: `http://127.0.0.1:${agent.port}`,
    daemons: { gateway: { state: "down", pid: null }, scheduler: { state: "down" }, telegram: { state: "off" } },
  });

  expect(await said(agent, "server", "start")).toMatchObject({ exitCode: 0, stderr: "" });
  const scheduler = await daemonOf(agent, "scheduler");
  const up = await statusOf(agent);
  expect(up).toMatchObject({
    running: true,
    supervisor: "background",
    daemons: { gateway: { state: "up" }, scheduler: { state: "up", pid: scheduler.pid, restarts: 0 } },
  });
  expect(Object.keys(up)).toEqual(["running", "supervisor", "url", "daemons"]);
  expect((await said(agent, "status")).exitCode).toBe(0);
  expect(await health(agent)).toBe(200);

  const again = await said(agent, "server", "start");
  expect(again).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("it runs already, pid ") });
  expect((await daemonOf(agent, "scheduler")).pid).toBe(scheduler.pid);

  expect(await said(agent, "server", "restart")).toMatchObject({ exitCode: 0, stderr: "" });
  await daemonOf(agent, "scheduler", scheduler.pid);
  expect(await health(agent)).toBe(200);

  const stop = await said(agent, "server", "stop");
  expect(stop).toEqual({
    exitCode: 0,
    stderr: "",
    stdout: "stopped scheduler, gateway, supervisor; no runs were under way\n",
  });
  expect((await said(agent, "status")).exitCode).toBe(69);
  expect((await said(agent, "server", "stop")).stdout).toBe("nothing was running; no runs were under way\n");
  expect(await processesWith([`${agent.dir}\0`])).toEqual([]);
});

test("a port that another program holds is told by server start and by up", async () => {
  await using agent = await tempAgent();
  await using other = createServer().listen(agent.port, "127.0.0.1");
  await once(other, "listening");
  const why = `cannot listen on 127.0.0.1 port ${agent.port}: another program has that port`;
  expect(await said(agent, "server", "start")).toMatchObject({
    exitCode: 75,
    stderr: `instar: error: the suite runs, but gateway is not up: ${why}\ninstar: hint: instar doctor\n`,
  });
  await said(agent, "server", "stop");
  const up = startInstar(["up"], { cwd: agent.dir, env: agent.env });
  await until(() => up.stdout.includes(why));
  up.signal("SIGINT");
  expect(await up.exitCode).toBe(0);
});

test("server start, called four times at once, starts one suite, and each call says that it runs", async () => {
  await using agent = await tempAgent();
  const calls = await Promise.all(Array.from({ length: 4 }, () => said(agent, "server", "start")));
  expect(calls.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  expect(calls.filter(({ stderr }) => stderr === "")).toHaveLength(1);
  expect(calls.filter(({ stderr }) => stderr.includes("it runs already, pid "))).toHaveLength(3);
});

test("a broken config is told before anything is started, and stops nothing that runs", async () => {
  await using agent = await tempAgent();
  const good = await readFile(agent.paths.config, "utf8");
  await writeFile(agent.paths.config, good.replace('"port"', '"ports"'));
  for (const words of [["server", "start"], ["up"]]) {
    const refused = await said(agent, ...words);
    expect(refused).toMatchObject({ exitCode: 78, stdout: "" });
    expect(refused.stderr).toContain('config: unknown key "ports", did you mean "port"?');
  }
  await writeFile(agent.paths.config, good);
  await said(agent, "server", "start");
  const scheduler = await daemonOf(agent, "scheduler");
  await writeFile(agent.paths.config, "{");
  expect((await said(agent, "server", "restart")).exitCode).toBe(78);
  expect(await isAlive(scheduler)).toBe(true);
  expect(await statusOf(agent)).toMatchObject({ running: true, url: null });
});

test("server stop keeps runs and says how many; the next start adopts them, and they count once", async () => {
  await using agent = await tempAgent({ jobs: [LONG] });
  await said(agent, "server", "start");
  const work = await workOf(agent);
  expect((await said(agent, "server", "stop")).stdout).toBe("stopped scheduler, gateway, supervisor; 1 run goes on\n");
  expect(await isAlive(work)).toBe(true);
  expect((await said(agent, "status")).exitCode).toBe(69);
  await said(agent, "server", "start");
  await writeFile(agent.paths.jobs, JSON.stringify([{ ...LONG, enabled: false }]));
  await until(async () => (await loadLedger(agent.paths, "long")).ledger.standing === "disabled");
  expect(await isAlive(work)).toBe(true);
  await writeFile(join(agent.dir, "enough"), "");
  const finished = await until(async () => {
    const { ledger, recent } = await loadLedger(agent.paths, "long", { recentMin: 1_000 });
    return ledger.open.size === 0 && recent.filter(({ type }) => type === "finished");
  });
  expect(finished).toMatchObject([{ outcome: "success" }]);
  expect((await readFile(join(agent.dir, RAN), "utf8")).trim().split("\n")).toHaveLength(1);
});

test("Ctrl-C of up ends daemons, tmux and runs, and what became of the run is told", async () => {
  await using agent = await tempAgent({ jobs: [LONG] });
  const up = startInstar(["up"], { cwd: agent.dir, env: agent.env });
  const work = await workOf(agent);
  await daemonOf(agent, "gateway");
  expect(await statusOf(agent)).toMatchObject({ running: true, supervisor: "foreground" });
  const second = await said(agent, "up");
  expect(second).toMatchObject({ exitCode: 73, stderr: expect.stringContaining(`pid ${up.pid} since `) });
  up.signal("SIGINT");
  expect(await up.exitCode).toBe(0);
  expect(up.stdout).toMatch(/gateway +up {2}pid \d+ {2}http:\/\/127\.0\.0\.1:/);
  expect(up.stdout).toMatch(/has ended\n$/);
  expect(await isAlive(work)).toBe(false);
  const run = await readRun(agent.paths);
  expect(await processesWith([`${agent.dir}/`, `${agent.dir}\0`, `${run}/`])).toEqual([]);
  await writeFile(agent.paths.jobs, JSON.stringify([{ ...LONG, enabled: false }]));
  await said(agent, "server", "start");
  await until(async () => {
    const { recent } = await loadLedger(agent.paths, "long");
    return recent.some((record) => record.type === "finished");
  });
  const { recent } = await loadLedger(agent.paths, "long");
  expect(recent.find(({ type }) => type === "finished")).toMatchObject({
    outcome: "lost",
    reason: expect.stringContaining("tmux"),
  });
});

test("server restart under up restarts the daemons in its hands", async () => {
  await using agent = await tempAgent();
  const up = startInstar(["up"], { cwd: agent.dir, env: agent.env });
  const before = await Promise.all([daemonOf(agent, "scheduler"), daemonOf(agent, "gateway")]);
  expect((await said(agent, "server", "restart")).exitCode).toBe(0);
  const after = await Promise.all([daemonOf(agent, "scheduler"), daemonOf(agent, "gateway")]);
  expect(after.map(({ pid }) => pid)).not.toEqual(before.map(({ pid }) => pid));
  expect(up.hasEnded).toBe(false);
  expect((await said(agent, "server", "stop")).exitCode).toBe(0);
  expect(await up.exitCode).toBe(0);
});

test("two agents in folders of the same name do not meet", async () => {
  await using one = await tempAgent({ name: "twin", jobs: [QUICK] });
  await using two = await tempAgent({ name: "twin" });
  await Promise.all([said(one, "server", "start"), said(two, "server", "start")]);
  expect(await readRun(one.paths)).not.toBe(await readRun(two.paths));
  const other = await daemonOf(two, "scheduler");
  await until(async () => (await loadLedger(one.paths, "quick")).recent.length > 0);
  expect((await loadLedger(two.paths, "quick")).recent).toEqual([]);
  await said(one, "server", "stop");
  expect(await isAlive(other)).toBe(true);
  expect(await statusOf(two)).toMatchObject({ running: true, daemons: { scheduler: { pid: other.pid, restarts: 0 } } });
  expect(await statusOf(one)).toMatchObject({ running: false });
});

test("a copied agent folder is refused with its cure, and is an agent of its own after it", async () => {
  await using agent = await tempAgent();
  await using other = await tempAgent({ name: "copy" });
  await said(agent, "server", "start");
  const scheduler = await daemonOf(agent, "scheduler");
  await cp(agent.dir, other.dir, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith("/run") });
  for (const words of [["server", "start"], ["up"]]) {
    const refused = await said(other, ...words);
    expect(refused.exitCode).toBe(78);
    expect(refused.stderr).toContain(`error: this agent was copied or moved here from ${agent.dir}`);
    expect(refused.stderr).toContain(`hint: run \`instar init\` in ${other.dir}`);
  }
  expect((await said(other, "init")).exitCode).toBe(0);
  expect((await said(other, "config", "set", "port", String(other.port))).exitCode).toBe(0);
  expect(await said(other, "server", "start")).toMatchObject({ exitCode: 0 });
  expect(await readRun(agentPaths(other.dir))).not.toBe(await readRun(agent.paths));
  expect(await isAlive(scheduler)).toBe(true);
});
