import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { leftoversOf } from "../../daemons/scheduler/leftovers.ts";
import { createTmux } from "../../daemons/scheduler/tmux.ts";
import { exists } from "../../shared/paths.ts";
import { AFTER_SLOT, endOf, file, outputOf, running, runsHouse, SLOT, verdict } from "../support/runs-house.ts";
import { startTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

/** Goes on until a file is there. */
const WAIT = "while [ ! -e go ]; do sleep 0.05; done";

test("a script runs in the agent's folder, knows its run, and its end is told", async () => {
  await using home = await runsHouse();
  const run = home.script('pwd; echo "$INSTAR_JOB $INSTAR_SLOT $INSTAR_ATTEMPT $INSTAR_TOKEN $TMUX$TMUX_PANE"');
  expect(await endOf(run)).toEqual({
    outcome: "success",
    startedAt: expect.any(String),
    endedAt: expect.any(String),
    exitCode: 0,
    signal: null,
  });
  expect(await outputOf(run)).toBe(`${home.agent.dir}\njob ${AFTER_SLOT} 1 ${home.agent.token} \n`);
  expect(await readdir(run.folder)).not.toContain("env");
});

test.each([
  ["exit 3", { outcome: "failure", exitCode: 3, signal: null, reason: "exit status 3" }],
  ["no-such-command", { outcome: "failure", exitCode: 127, reason: "exit status 127 (command not found)" }],
  ["kill -SEGV $$", { outcome: "failure", exitCode: 139, signal: "SIGSEGV", reason: "ended by SIGSEGV" }],
  ["echo; echo '[SILENT]'", { outcome: "success", quiet: true }],
  ["echo '[SILENT]'; exit 1", { outcome: "failure", quiet: true }],
] as const)("the end of %j", async (script, end) => {
  await using home = await runsHouse();
  expect(await endOf(home.script(script))).toMatchObject(end);
});

test("an agent's folder may be called anything", async () => {
  await using home = await runsHouse({ name: `it's "odd" #{pid} $(x)\n;` });
  const run = home.script("./my scripts/it's.sh");
  await mkdir(file(home, "my scripts"));
  await writeFile(file(home, "my scripts/it's.sh"), "#!/bin/sh\npwd\n", { mode: 0o755 });
  expect(await endOf(run)).toMatchObject({ outcome: "success" });
  expect(await outputOf(run)).toBe(`${home.agent.dir}\n`);
});

test("a script that is not executable is a failure with its cure, and nothing runs", async () => {
  await using home = await runsHouse();
  await writeFile(file(home, "job.sh"), "touch ran\n", { mode: 0o644 });
  const end = await endOf(home.script("job.sh"));
  expect(end).toMatchObject({ outcome: "failure", startedAt: null });
  expect(end.reason).toBe(`the script job.sh is not executable; chmod +x '${file(home, "job.sh")}'`);
  expect(await exists(file(home, "ran"))).toBe(false);
});

test("a run goes on over the end of who opened it, and is adopted with its pid", async () => {
  await using home = await runsHouse();
  const fields = { execute: { type: "script" as const, value: WAIT } };
  const first = await running(home.run(fields, { slot: SLOT }));
  const adopted = home.run(fields, { slot: SLOT, isNewLife: true });
  expect(await running(adopted)).toMatchObject({ pid: first.pid, startedAt: first.startedAt });
  await writeFile(file(home, "go"), "");
  expect(await endOf(adopted)).toMatchObject({ outcome: "success" });
});

test("a run of a job that is no longer there goes on; one that had not begun is skipped", async () => {
  await using home = await runsHouse();
  const fields = { execute: { type: "script" as const, value: WAIT } };
  await running(home.run(fields, { slot: SLOT }));
  const orphan = home.run(fields, { slot: SLOT, isNewLife: true, isGone: true });
  await running(orphan);
  await writeFile(file(home, "go"), "");
  expect(await endOf(orphan)).toMatchObject({ outcome: "success" });
  expect(await home.run(fields, { isGone: true }).work()).toMatchObject({
    state: "skipped",
    cause: { reason: "invalid" },
  });
});

test("out of time: asked to end, and what it left in sessions of its own ends too", async () => {
  await using home = await runsHouse();
  const run = home.script("setsid sleep 300 & echo $! >left; trap 'exit 5' TERM; : >ready; sleep 300 & wait", {
    timeoutMinutes: 2,
  });
  await running(run);
  await until(() => exists(file(home, "ready")));
  home.skip(120_000);
  expect(await endOf(run)).toMatchObject({ outcome: "timeout", exitCode: 5, reason: "ran longer than 2 min" });
  const name = { runId: run.runId, agentDir: home.agent.dir };
  await until(async () => (await leftoversOf(name)).length === 0);
});

test("what does not listen is killed after its grace", async () => {
  await using home = await runsHouse();
  const run = home.script("trap '' TERM; : >ready; while :; do sleep 1; done");
  await running(run);
  await until(() => exists(file(home, "ready")));
  expect(await run.stop("killed", "ended by hand")).toBe(true);
  expect(await run.stop("overlap", "another reason")).toBe(false);
  await run.work();
  home.skip(9000);
  await run.work();
  expect((await run.work()).state).toBe("running");
  home.skip(1001);
  expect(await endOf(run)).toMatchObject({
    outcome: "killed",
    exitCode: null,
    signal: "SIGKILL",
    reason: "ended by hand",
  });
});

test("stopped before it began: it never begins, and that is told", async () => {
  await using home = await runsHouse({ hasTmux: false });
  const run = home.script("touch ran");
  expect(await run.work()).toMatchObject({
    state: "starting",
    trouble: expect.stringContaining("no tmux server runs"),
  });
  await run.stop("killed", "ended by hand");
  expect(await endOf(run)).toMatchObject({
    outcome: "killed",
    startedAt: null,
    reason: "ended by hand; it had not begun",
  });
});

test("without a tmux server a run waits, and begins when there is one", async () => {
  await using home = await runsHouse({ hasTmux: false });
  const run = home.script("exit 0");
  expect(await run.work()).toMatchObject({
    state: "starting",
    trouble: expect.stringContaining("no tmux server runs"),
  });
  expect(await run.isUnderWay()).toBe(false);
  await using _tmux = await startTmux(home.agent);
  expect(await endOf(run)).toMatchObject({ outcome: "success" });
});

test("a tmux server that is killed takes its runs along: lost, and nothing stays behind", async () => {
  await using home = await runsHouse();
  const run = home.script("setsid sleep 300 & : >ready; sleep 300");
  await running(run);
  await until(() => exists(file(home, "ready")));
  await home.tmux?.kill();
  expect(await endOf(run)).toMatchObject({ outcome: "lost", exitCode: 129, reason: expect.stringContaining("tmux") });
  const name = { runId: run.runId, agentDir: home.agent.dir };
  await until(async () => (await leftoversOf(name)).length === 0);
});

test("a run whose wrapper was killed is lost", async () => {
  await using home = await runsHouse();
  const run = home.script("sleep 300");
  const { pid } = await running(run);
  process.kill(pid, "SIGKILL");
  expect(await endOf(run)).toMatchObject({ outcome: "lost", exitCode: null, reason: "it was killed from outside" });
});

test("a run of an earlier boot is lost, whoever has its pid now", async () => {
  await using home = await runsHouse();
  const run = home.script("exit 0");
  await mkdir(run.folder, { recursive: true });
  const begun = { pid: process.pid, group: 0, startTime: "1", bootId: "another" };
  await writeFile(join(run.folder, "begun"), JSON.stringify(begun));
  expect(await endOf(run)).toMatchObject({ outcome: "lost", reason: "the machine was restarted while it ran" });
});

test("closed before it began: a wrapper that comes late leaves", async () => {
  await using home = await runsHouse({ hasTmux: false });
  const run = home.script("touch ran");
  expect((await run.work()).state).toBe("starting");
  expect(await run.close({ reason: "paused", detail: "by hand" })).toBe(true);
  await using tmux = await startTmux(home.agent);
  await createTmux(home.agent.paths, () => "tmux").openRun("late", run.folder);
  await until(async () => !(await tmux.ask("list-sessions").catch(() => "")).includes("late"));
  expect(await run.work()).toEqual({ state: "skipped", cause: { reason: "paused", detail: "by hand" } });
  expect(await exists(file(home, "ran"))).toBe(false);
});

test("what has begun is not closed", async () => {
  await using home = await runsHouse();
  const run = home.script(WAIT);
  await running(run);
  expect(await run.close({ reason: "paused" })).toBe(false);
  await writeFile(file(home, "go"), "");
  expect(await endOf(run)).toMatchObject({ outcome: "success" });
});

test("panes in which nothing begins are a failure in the end", async () => {
  await using home = await runsHouse();
  const run = home.script("exit 0");
  for (let opening = 1; opening <= 3; opening++) {
    await run.work();
    await until(() => exists(join(run.folder, "exit")));
    await until(async () => !(await home.tmux?.ask("list-sessions").catch(() => ""))?.includes("job@"));
    // As if its wrapper could not take it, and said nothing.
    for (const name of ["begun", "exit"]) await rm(join(run.folder, name));
    home.skip(10_000);
  }
  expect(await run.work()).toMatchObject({
    end: { outcome: "failure", startedAt: null, reason: "panes were opened for it, and nothing began in them" },
  });
});

test("an output without end is cut while it comes", async () => {
  await using home = await runsHouse();
  const run = home.script(
    `yes 0123456789 | head -c 3300000; echo the end; ${WAIT}; yes 9876543210 | head -c 3300000; echo last`,
  );
  await until(async () => {
    await run.work();
    const text = await outputOf(run);
    return text.includes("cut here") && text.endsWith("the end\n");
  });
  await writeFile(file(home, "go"), "");
  expect(await endOf(run)).toMatchObject({ outcome: "success" });
  const text = await outputOf(run);
  expect(text.length).toBeLessThan(1_100_000);
  expect(text).toMatch(/^0123456789\n[^]*bytes were cut here[^]*9876543210\nlast\n$/);
});

test.each([
  ["exit 0", { state: "passed" }],
  ["exit 4", { state: "refused", cause: { reason: "gate", detail: "exit status 4" } }],
  ['test -n "$INSTAR_URL" && test -n "$INSTAR_TOKEN"', { state: "passed" }],
])("a gate of %j", async (gate, state) => {
  await using home = await runsHouse();
  const run = home.script("exit 0", { gate });
  expect(await verdict(run)).toEqual(state);
  expect(await run.isUnderWay()).toBe(false);
  expect(await run.isGateUnderWay()).toBe(true);
  expect((await stat(join(run.folder, "gate/exit"))).isFile()).toBe(true);
});

test("a gate that does not answer says no", async () => {
  await using home = await runsHouse();
  const run = home.script("exit 0", { gate: "sleep 300" });
  await until(async () => (await run.gate()).state === "running" && exists(join(run.folder, "gate/begun")));
  await run.gate();
  home.skip(10_000);
  expect(await verdict(run)).toEqual({ state: "refused", cause: { reason: "gate", detail: "no answer within 10 s" } });
});

test("whoever looks at the pane can end the run with ^C, and cannot freeze it with ^Z", async () => {
  await using home = await runsHouse();
  const run = home.script("sh -c ': >ready; exec sleep 300'");
  await running(run);
  await until(() => exists(file(home, "ready")));
  const pane = (await home.tmux?.ask("list-panes", "-a", "-F", "#{pane_id}"))?.trim() ?? "";
  await home.tmux?.ask("send-keys", "-t", pane, "C-z");
  await home.tmux?.ask("send-keys", "-t", pane, "C-c");
  expect(await endOf(run)).toMatchObject({ outcome: "failure", exitCode: 130, reason: "ended by SIGINT" });
});
