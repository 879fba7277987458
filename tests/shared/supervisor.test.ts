import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EXIT } from "../../shared/errors.ts";
import { readStatus } from "../../shared/lifecycle.ts";
import { readRun } from "../../shared/paths.ts";
import { isAlive } from "../../shared/proc.ts";
import { readSupervisorStatus } from "../../shared/supervisor.ts";
import { nextAct } from "../../shared/supervisor/restarts.ts";
import { processesWith } from "../support/processes.ts";
import { DAEMONS, living, programOf, supervise, tmux, tmuxPid, upOther } from "../support/supervised.ts";
import { type Started, tempAgent } from "../support/temp-agent.ts";
import { until } from "../support/until.ts";

const startsAt = (count: number, everyMs: number): number[] => Array.from({ length: count }, (_, at) => at * everyMs);
const killed = { code: null, signal: "SIGKILL" } as const;

test.each([
  ["a first crash", killed, startsAt(1, 1), { type: "restart", afterMs: 100 }],
  ["an end that nobody ordered", { code: 0, signal: null }, startsAt(1, 1), { type: "restart", afterMs: 100 }],
  ["29 starts in a minute", killed, startsAt(29, 1_000), { type: "restart", afterMs: 100 }],
  ["30 starts in a minute", killed, startsAt(30, 1_000), { type: "rest", afterMs: 300_000 }],
  ["30 starts in more than a minute", killed, startsAt(30, 2_100), { type: "restart", afterMs: 100 }],
  ["a wrong configuration", { code: EXIT.config, signal: null }, startsAt(1, 1), { type: "leave" }],
  ["a place that is taken", { code: EXIT.taken, signal: null }, startsAt(1, 1), { type: "leave" }],
] as const)("after %s: the next act", (_name, end, starts, expected) => {
  expect(nextAct(end, [...starts], starts.at(-1) ?? 0)).toMatchObject(expected);
});

test("a daemon that was killed is back, and its restarts are counted; tmux does not notice", async () => {
  await using agent = await tempAgent();
  supervise(agent);
  const server = await tmuxPid(agent);
  let pid = await upOther(agent);
  for (let count = 1; count <= 5; count += 1) {
    process.kill(pid, "SIGKILL");
    pid = await upOther(agent, pid);
    await until(async () => (await programOf(agent, "telegram"))?.restarts === count);
  }
  expect(await tmuxPid(agent)).toBe(server);
});

test("a tmux server that was killed is back, and answers", async () => {
  await using agent = await tempAgent();
  supervise(agent);
  const server = await tmuxPid(agent);
  await until(async () => (await tmux(agent, "display-message", "-p", "#{pid}")) === String(server));
  process.kill(server, "SIGKILL");
  await until(async () => Number(await tmux(agent, "display-message", "-p", "#{pid}")) !== server);
  expect((await programOf(agent, "tmux"))?.restarts).toBe(1);
});

test("a daemon that dies at every start rests after 30 of them, says so once, and is tried again when it is asked to", async () => {
  await using agent = await tempAgent();
  await writeFile(join(agent.dir, "crash"), "");
  const supervisor = supervise(agent);
  const program = await until(async () => {
    const found = await programOf(agent, "telegram");
    return found?.state === "resting" && found;
  });
  expect(program).toMatchObject({ process: null, restarts: 29 });
  expect(program.detail).toContain("started 30 times within a minute, last end: exit 1");
  expect(program.detail).toContain("crashed on demand");
  expect(supervisor.log.match(/"rests"/g)).toHaveLength(1);
  await rm(join(agent.dir, "crash"));
  supervisor.signal("SIGUSR2");
  await upOther(agent);
}, 180_000);

test("a daemon whose config is wrong is not started again, and the reason is told, until it is asked to", async () => {
  await using agent = await tempAgent();
  const good = await readFile(agent.paths.config, "utf8");
  await writeFile(agent.paths.config, good.replace('"port"', '"ports"'));
  const supervisor = supervise(agent);
  const program = await until(async () => {
    const found = await programOf(agent, "telegram");
    return found?.state === "failed" && found;
  });
  expect(program.restarts).toBe(0);
  expect(program.detail).toContain('exit 78): config: unknown key "ports", did you mean "port"?');
  await writeFile(agent.paths.config, good);
  supervisor.signal("SIGUSR2");
  await upOther(agent);
});

test("a daemon that was started by hand is adopted, and replaced when it ends; the copy that found its place taken is not repeated", async () => {
  await using agent = await tempAgent();
  const byHand = await agent.start("telegram", { main: join(DAEMONS, "telegram.ts") });
  await byHand.ready;
  supervise(agent);
  await until(async () => (await programOf(agent, "telegram"))?.adopted);
  expect((await programOf(agent, "telegram"))?.process?.pid).toBe(byHand.pid);
  await byHand.kill();
  await upOther(agent, byHand.pid);
  expect(await programOf(agent, "telegram")).toMatchObject({ adopted: false, restarts: 1 });
});

test("two that start at one instant become one, held up by the supervisor", async () => {
  await using agent = await tempAgent();
  const started: Started[] = [];
  const supervisor = supervise(agent);
  // Until the supervisor's own is up, one of these may have the place; then it is found.
  for (let count = 0; count < 6; count += 1) {
    started.push(await agent.start("telegram", { main: join(DAEMONS, "telegram.ts") }));
  }
  const pid = await upOther(agent);
  await until(async () => (await programOf(agent, "telegram"))?.process?.pid === pid);
  await until(() => started.every((one) => one.hasEnded || one.pid === pid));
  expect(supervisor.hasEnded).toBe(false);
});

test("a supervisor that was killed leaves all running; the next one adopts it, and holds it up", async () => {
  await using agent = await tempAgent();
  const first = supervise(agent);
  const server = await tmuxPid(agent);
  const daemon = await upOther(agent);
  await first.kill();
  expect(await readSupervisorStatus(agent.paths)).toBeNull();
  expect([await living(daemon), await living(server)]).toEqual([true, true]);
  supervise(agent);
  await until(async () => (await programOf(agent, "telegram"))?.process && (await programOf(agent, "tmux"))?.process);
  expect((await programOf(agent, "telegram"))?.process?.pid).toBe(daemon);
  expect((await programOf(agent, "tmux"))?.process?.pid).toBe(server);
  process.kill(daemon, "SIGKILL");
  process.kill(server, "SIGKILL");
  await upOther(agent, daemon);
  await until(async () => (await programOf(agent, "tmux"))?.process?.pid !== server);
});

test("a supervisor that is killed at its start again and again never leads to two daemons", async () => {
  await using agent = await tempAgent();
  for (const untilMs of [150, 200, 250, 300, 350, 400, 500]) {
    const supervisor = supervise(agent);
    await new Promise((resolve) => setTimeout(resolve, untilMs));
    await supervisor.kill();
  }
  supervise(agent);
  await upOther(agent);
  const server = await tmuxPid(agent);
  await until(async () => (await tmux(agent, "display-message", "-p", "#{pid}")) === String(server));
  // Each shows the agent's folder, or the run folder, among its words.
  const holders = await until(async () => {
    const all = await processesWith([agent.dir]);
    const words = await Promise.all(all.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
    const daemons = words.filter((line) => line.includes("telegram.ts"));
    return (
      daemons.length === 1 && { daemons: daemons.length, tmux: words.filter((line) => line.includes("tmux")).length }
    );
  });
  expect(holders).toEqual({ daemons: 1, tmux: 1 });
});

test("a second supervisor leaves with exit 73, and names the first", async () => {
  await using agent = await tempAgent();
  const first = supervise(agent);
  const daemon = await upOther(agent);
  const second = supervise(agent, "foreground");
  expect(await second.exitCode).toBe(73);
  expect(second.log).toContain(`another supervisor runs for this agent already: pid ${first.pid} since`);
  expect((await readStatus(agent.paths, "telegram"))?.pid).toBe(daemon);
});

test("a run folder that a cleaner removed is made again under the living: place, status, tmux's socket", async () => {
  await using agent = await tempAgent();
  const supervisor = supervise(agent);
  await upOther(agent);
  const server = await tmuxPid(agent);
  await until(async () => (await tmux(agent, "display-message", "-p", "#{pid}")) !== "");
  await rm((await readRun(agent.paths)) ?? "", { recursive: true });
  await until(async () => (await readSupervisorStatus(agent.paths))?.pid === supervisor.pid);
  await until(async () => (await tmux(agent, "display-message", "-p", "#{pid}")) === String(server));
  const second = supervise(agent);
  expect(await second.exitCode).toBe(73);
});

test("without tmux the daemons run, and what is missing is told", async () => {
  await using agent = await tempAgent({ config: { sessions: { tmuxPath: "/nowhere/tmux" } } });
  supervise(agent);
  await upOther(agent);
  expect(await programOf(agent, "tmux")).toMatchObject({
    state: "failed",
    detail: expect.stringContaining("/nowhere/tmux is not installed"),
  });
});

test("an adopted daemon is named by its start time, not by its pid alone", async () => {
  await using agent = await tempAgent();
  const first = supervise(agent);
  await upOther(agent);
  const known = (await programOf(agent, "telegram"))?.process;
  expect(known && (await isAlive(known))).toBe(true);
  await first.kill();
  process.kill(known?.pid ?? 0, "SIGKILL");
  await until(async () => known && !(await isAlive(known)));
  const text = await readFile(agent.paths.status("supervisor"), "utf8");
  // As if the kernel had given the pid to somebody else meanwhile: to us.
  await writeFile(agent.paths.status("supervisor"), text.replaceAll(`"pid":${known?.pid}`, `"pid":${process.pid}`));
  supervise(agent);
  expect(await upOther(agent)).not.toBe(process.pid);
});
