import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exists } from "../../shared/paths.ts";
import { readLaunch } from "../../shared/runs.ts";
import { commandLines } from "../support/processes.ts";
import { endOf, file, type RunsHouse, running, runsHouse } from "../support/runs-house.ts";
import { until } from "../support/until.ts";

const USAGE = { inputTokens: 7, outputTokens: 5, cacheReadTokens: 3, cacheCreationTokens: 2 };
const RESULT = {
  type: "result",
  subtype: "success",
  is_error: false,
  result: "done",
  session_id: "theirs",
  num_turns: 1,
  total_cost_usd: 0.25,
  modelUsage: {
    some: { inputTokens: 7, outputTokens: 5, cacheReadInputTokens: 3, cacheCreationInputTokens: 2 },
  },
};

/** A house whose agent program is a script of the test: what the launcher does is seen, without a model. */
async function houseWith(program: string): Promise<RunsHouse> {
  const home = await runsHouse({ config: { sessions: { claudePath: "bin dir/claude" } } });
  await mkdir(file(home, "bin dir"));
  await writeFile(file(home, "bin dir/claude"), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  return home;
}

const says = (result: object): string => `printf '%s\\n' '${JSON.stringify({ ...RESULT, ...result })}'`;
const prompt = (value: string): object => ({ execute: { type: "prompt", value } });

test("a prompt of 500 KB reaches the agent whole, and is in no process list", async () => {
  const value = `begin ${"a secret of the owner\n".repeat(24_000)} end`;
  await using home = await houseWith(`cat >got; : >ready; while [ ! -e go ]; do sleep 0.05; done; ${says({})}`);
  const run = home.run(prompt(value));
  await running(run);
  await until(() => exists(file(home, "ready")));
  expect(await readFile(file(home, "got"), "utf8")).toBe(value);
  const all = (await commandLines()).join("\n");
  expect(all).toContain("--output-format json");
  expect(all).not.toContain("a secret of the owner");
  await writeFile(file(home, "go"), "");
  expect(await endOf(run)).toMatchObject({ outcome: "success", usage: USAGE, costUsd: 0.25 });
});

test("it is told its model and a session of its own, and runs unattended", async () => {
  await using home = await houseWith(`echo "$*" >>args; ${says({})}`);
  const runs = [home.run({ ...prompt("x"), model: "opus" }), home.run({ ...prompt("x"), model: "claude-next-1" })];
  const sessions = [];
  for (const run of runs) sessions.push((await endOf(run)).sessionId);
  const [first, second] = (await readFile(file(home, "args"), "utf8")).split("\n");
  expect(first).toContain(`--model opus --session-id ${sessions[0]}`);
  expect(second).toContain(`--model claude-next-1 --session-id ${sessions[1]}`);
  expect(first).toContain("--dangerously-skip-permissions");
  expect(sessions[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(sessions[0]).not.toBe(sessions[1]);
});

test.each([
  [
    "an error with exit status 0",
    says({ is_error: true, result: "API Error: 400 no", api_error_status: 400 }),
    "the agent reported an error (API status 400): API Error: 400 no",
  ],
  [
    "a good result with exit status 1",
    `${says({})}; echo 'and then it fell over' >&2; exit 1`,
    "exit status 1: and then it fell over",
  ],
  ["no result with exit status 0", "exit 0", "the agent ended without a result"],
  [
    "no result with exit status 1",
    "echo 'cannot be used with root' >&2; exit 1",
    "exit status 1: cannot be used with root",
  ],
  ["half a result", `printf '{"type":"result","is_er'`, "the agent ended without a result"],
])("%s is a failure", async (_what, program, reason) => {
  await using home = await houseWith(program);
  expect(await endOf(home.run(prompt("x")))).toMatchObject({ outcome: "failure", reason });
});

test("an agent that says [SILENT] wants nobody told", async () => {
  await using home = await houseWith(says({ result: "[SILENT]\n" }));
  expect(await endOf(home.run(prompt("x")))).toMatchObject({ outcome: "success", quiet: true });
});

test("without the program it is a failure that says so, and nothing is started", async () => {
  await using home = await runsHouse({ config: { sessions: { claudePath: "no-such-claude" } } });
  const end = await endOf(home.run(prompt("x")));
  expect(end).toMatchObject({ outcome: "failure", startedAt: null });
  expect(end.reason).toBe(
    "the Claude Code CLI is not there: no-such-claude; install it, or say where it is: sessions.claudePath in config.json",
  );
});

test("a skill that is not there is a failure before the agent is started; one that is there is called by name", async () => {
  await using home = await houseWith(`cat >>got; ${says({})}`);
  const skill = { execute: { type: "skill" as const, value: "greet Bob" } };
  const end = await endOf(home.run(skill));
  expect(end).toMatchObject({
    outcome: "failure",
    startedAt: null,
    reason: expect.stringContaining("there is no skill /greet;"),
  });
  expect(await exists(file(home, "got"))).toBe(false);
  await mkdir(file(home, ".claude/skills/greet"), { recursive: true });
  await writeFile(file(home, ".claude/skills/greet/SKILL.md"), "---\nname: greet\n---\nGreet $ARGUMENTS");
  expect(await endOf(home.run(skill))).toMatchObject({ outcome: "success" });
  expect(await readFile(file(home, "got"), "utf8")).toBe("/greet Bob");
});

test("what a run spent that was killed is read from its transcript", async () => {
  await using home = await houseWith(": >ready; sleep 300");
  const run = home.run(prompt("x"));
  await running(run);
  await until(() => exists(file(home, "ready")));
  const session = (await readLaunch(run.folder))?.session;
  const folder = join(session?.folder ?? "", "projects/of-the-test");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${session?.id}.jsonl`), transcript());
  await run.stop("killed", "ended by hand");
  expect(await endOf(run)).toMatchObject({ outcome: "killed", usage: USAGE, sessionId: session?.id });
});

/** One answer, which the CLI writes as a line for each of its blocks. */
function transcript(): string {
  const usage = { input_tokens: 7, output_tokens: 5, cache_read_input_tokens: 3, cache_creation_input_tokens: 2 };
  const line = JSON.stringify({ type: "assistant", message: { id: "m1", usage } });
  return `${line}\n${line}\n`;
}

test("a program that may not be executed is as good as none", async () => {
  await using home = await houseWith("exit 0");
  await chmod(file(home, "bin dir/claude"), 0o644);
  expect((await endOf(home.run(prompt("x")))).reason).toContain("the Claude Code CLI is not there");
});
