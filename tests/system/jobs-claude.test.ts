import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scriptedEnvironment } from "../../bin/demo/claude-cli.ts";
import { type ScriptedModel, startScriptedModel, type Turn } from "../../bin/demo/scripted-model.ts";
import { systemClock } from "../../shared/clock.ts";
import { readJobViews } from "../../shared/job-views.ts";
import { isAlive } from "../../shared/proc.ts";
import { readWitness, runFolder, runIdOf } from "../../shared/runs.ts";
import { type FinishedRecord, loadLedger, type SlotRecord } from "../../shared/slots.ts";
import { triggerJob } from "../../shared/triggers.ts";
import { billedTo, CLAUDE, haikuCostUsd } from "../support/claude.ts";
import { type Started, tempAgent, type TempAgent } from "../support/temp-agent.ts";
import { startTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

// Jobs of Claude Code from trigger to outcome: the real CLI in the real scheduler, against a scripted model.

/** A job that runs when it is asked to. */
const asked = (slug: string, type: "prompt" | "skill" | "script", value: string, more: object = {}): object => ({
  slug,
  name: slug,
  schedule: "@at 2099-12-31T00:00",
  model: "haiku",
  execute: { type, value },
  ...more,
});

interface House extends AsyncDisposable {
  readonly agent: TempAgent;
  readonly model: ScriptedModel;
  readonly scheduler: Started;
}

/** `afterwards`: what a wrapper around the CLI does when it has ended. */
async function startHouse(jobs: readonly object[], turns: readonly Turn[], afterwards?: string): Promise<House> {
  await using undo = new AsyncDisposableStack();
  const model = undo.use(await startScriptedModel(turns));
  const agent = undo.use(await tempAgent({ jobs }));
  const claudePath = afterwards === undefined ? CLAUDE : join(agent.dir, "wrapped-claude");
  if (afterwards !== undefined)
    await writeFile(claudePath, `#!/bin/sh\n'${CLAUDE}' "$@"\n${afterwards}\n`, { mode: 0o755 });
  const env = scriptedEnvironment({ home: join(agent.dir, "home"), url: model.url });
  const config = JSON.parse(await readFile(agent.paths.config, "utf8")) as object;
  await writeFile(agent.paths.config, JSON.stringify({ ...config, sessions: { claudePath, env } }));
  await startTmux(agent);
  const scheduler = await agent.start("scheduler");
  await scheduler.ready;
  const held = undo.move();
  return { agent, model, scheduler, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function recordsOf(agent: TempAgent, slug: string): Promise<readonly SlotRecord[]> {
  return (await loadLedger(agent.paths, slug, { recentMin: 1000 })).recent;
}

async function endsOf(agent: TempAgent, slug: string): Promise<FinishedRecord[]> {
  return (await recordsOf(agent, slug)).filter((record) => record.type === "finished");
}

/** Asks for a run and waits for its end. */
async function run(agent: TempAgent, slug: string): Promise<FinishedRecord> {
  const before = (await endsOf(agent, slug)).length;
  await triggerJob(agent.paths, slug, { clock: systemClock });
  return until(async () => (await endsOf(agent, slug))[before]);
}

/** The run folder of a job's only claim. */
async function folderOf(agent: TempAgent, slug: string): Promise<string> {
  const claim = await until(async () => (await recordsOf(agent, slug)).find(({ type }) => type === "claimed"));
  if (claim.type !== "claimed") throw new Error(claim.type);
  return runFolder(agent.paths, { slug, slot: claim.slot, attempt: claim.attempt });
}

test("a prompt job works with tools in the agent's folder, and its record holds what the model would have billed", async () => {
  const command = 'echo "$INSTAR_RUN_ID" > made; env > environment';
  await using house = await startHouse(
    [asked("note", "prompt", "make a file")],
    [{ after: 0, thinking: "so be it", tools: [{ name: "Bash", input: { command } }] }, { text: "DONE" }],
  );
  const { agent, model } = house;
  const end = await run(agent, "note");
  expect(end).toMatchObject({ outcome: "success", exitCode: 0, attempt: 1 });
  const made = await readFile(join(agent.dir, "made"), "utf8");
  expect(made.trim()).toBe(runIdOf({ slug: "note", slot: end.slot, attempt: 1 }));
  expect(model.exchanges.map(({ sessionId }) => sessionId)).toEqual([end.sessionId, end.sessionId]);
  const bill = billedTo(model, end.sessionId ?? "");
  expect(end.usage).toEqual(bill);
  expect(end.costUsd).toBeCloseTo(haikuCostUsd(bill), 9);
});

test("a skill job reaches the model with its arguments; one without its file fails before a model is called", async () => {
  await using house = await startHouse(
    [asked("greet", "skill", "greet Bob"), asked("nosuch", "skill", "nosuch Bob")],
    [{ text: "hello Bob" }],
  );
  const { agent, model } = house;
  const folder = join(agent.dir, ".claude/skills/greet");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "SKILL.md"), "---\nname: greet\ndescription: greets\n---\nSay hello to $ARGUMENTS\n");
  expect(await run(agent, "greet")).toMatchObject({ outcome: "success" });
  expect(model.exchanges.map(({ prompt }) => prompt)).toEqual([expect.stringContaining("Say hello to Bob")]);
  expect(await run(agent, "nosuch")).toMatchObject({
    outcome: "failure",
    reason: expect.stringContaining("there is no skill /nosuch"),
  });
  expect(model.exchanges).toHaveLength(1);
});

test("a job that exits 3 and an API error are failures, and counted as such", async () => {
  const jobs = [
    asked("three", "script", "exit 3"),
    asked("refused", "prompt", "anything"),
    asked("zero", "prompt", "x"),
  ];
  await using house = await startHouse(jobs, [{ error: { status: 400, message: "NO-SUCH-THING" } }]);
  const { agent, model } = house;
  expect(await run(agent, "three")).toMatchObject({ outcome: "failure", exitCode: 3 });
  expect(await run(agent, "three")).toMatchObject({ outcome: "failure", exitCode: 3 });
  expect(model.exchanges).toEqual([]);

  const refused = await run(agent, "refused");
  expect(refused).toMatchObject({ outcome: "failure", exitCode: 1, usage: { inputTokens: 0, outputTokens: 0 } });
  expect(refused.reason).toContain("400");
  expect(refused.reason).toContain("NO-SUCH-THING");

  const views = new Map((await readJobViews(agent.paths, { nowMs: Date.now() })).map((view) => [view.slug, view]));
  expect(views.get("three")).toMatchObject({ consecutiveFailures: 2, lastOutcome: "failure" });
  expect(views.get("refused")).toMatchObject({ consecutiveFailures: 1, lastOutcome: "failure" });
});

test("an error is honoured though the CLI leaves with status 0", async () => {
  // The real CLI does so when it is interrupted; here it is a wrapper's doing, so that no instant matters.
  const refusal = { error: { status: 400, message: "NO" } };
  await using house = await startHouse([asked("zero", "prompt", "anything")], [refusal], "exit 0");
  expect(await run(house.agent, "zero")).toMatchObject({
    outcome: "failure",
    exitCode: 0,
    reason: expect.stringContaining("API status 400"),
  });
});

test("a prompt of 500 KB reaches the model whole, and no process on the machine shows any of it", async () => {
  const secret = "only-for-the-model ";
  const prompt = secret.repeat(Math.ceil(500_000 / secret.length));
  await using house = await startHouse([asked("long", "prompt", prompt)], [{ delayMs: 2000, text: "READ" }]);
  const { agent, model } = house;
  const ended = run(agent, "long");
  await until(() => model.exchanges.length > 0);
  const lines = await commandLines();
  expect(await ended).toMatchObject({ outcome: "success" });
  expect(model.exchanges[0]?.prompt).toContain(prompt.trim());
  expect(lines.some((line) => line.includes("--session-id"))).toBe(true);
  expect(lines.filter((line) => line.includes(secret.trim()))).toEqual([]);
});

test("a turn that hangs is ended at its time limit, and what was answered before is on its bill", async () => {
  await using house = await startHouse(
    [asked("slow", "prompt", "anything", { timeoutMinutes: 0.05 })],
    [{ after: 0, tools: [{ name: "Bash", input: { command: "true" } }] }, { hang: true }],
  );
  const { agent, model } = house;
  const end = await run(agent, "slow");
  expect(end).toMatchObject({ outcome: "timeout", sessionId: model.exchanges[0]?.sessionId });
  expect(model.exchanges.map(({ outcome }) => outcome)).toEqual(["answered", "left"]);
  expect(end.usage).toEqual(billedTo(model, end.sessionId ?? ""));
  const begun = (await readWitness(await folderOf(agent, "slow"))).begun;
  expect(begun && (await isAlive(begun))).toBe(false);
});

test("the scheduler is killed in the middle of a turn: the same process goes on, its end is recorded once, asked once", async () => {
  await using house = await startHouse([asked("note", "prompt", "anything")], [{ delayMs: 2000, text: "DONE" }]);
  const { agent, model, scheduler } = house;
  await triggerJob(agent.paths, "note", { clock: systemClock });
  await until(() => model.exchanges.length > 0);
  const folder = await folderOf(agent, "note");
  const before = (await readWitness(folder)).begun;
  await scheduler.kill();
  expect(before && (await isAlive(before))).toBe(true);
  await (
    await agent.start("scheduler")
  ).ready;
  const end = await until(async () => (await endsOf(agent, "note"))[0]);
  expect(end).toMatchObject({ outcome: "success", sessionId: model.exchanges[0]?.sessionId });
  expect((await readWitness(folder)).begun).toEqual(before);
  expect(end.usage).toEqual(billedTo(model, end.sessionId ?? ""));
  expect(model.exchanges).toHaveLength(1);
  const records = await recordsOf(agent, "note");
  expect(records.filter(({ type }) => type === "claimed" || type === "finished").map(({ type }) => type)).toEqual([
    "claimed",
    "finished",
  ]);
});

async function commandLines(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
}
