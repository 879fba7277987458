import { readdir, readFile, writeFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasSkill, outsideOfSession, readClaudeResult, readTranscriptBill } from "../../shared/claude.ts";
import { billedTo, claudeBench, haikuCostUsd } from "../support/claude.ts";
import { until } from "../support/until.ts";

// What shared/claude relies on, shown with the real CLI and a scripted model.

const WORKS = [
  {
    after: 0,
    thinking: "a file is wanted",
    text: "writing",
    tools: [{ name: "Bash", input: { command: "echo 1 > made" } }],
  },
  { after: 1, text: "DONE" },
];

test("a prompt on stdin is worked on with tools, and its result says what all its answers cost", async () => {
  await using bench = await claudeBench(WORKS);
  const { sessionId, ended } = bench.run("make a file");
  const { code, stdout } = await ended;
  const bill = billedTo(bench.model, sessionId);
  expect(code).toBe(0);
  expect(await readFile(join(bench.dir, "made"), "utf8")).toBe("1\n");
  expect(readClaudeResult(stdout)).toMatchObject({ isError: false, result: "DONE", sessionId, turns: 2, usage: bill });
  expect(bill.inputTokens).toBeGreaterThan(1000);
  expect(readClaudeResult(stdout)?.costUsd).toBeCloseTo(haikuCostUsd(bill), 9);
  const transcript = await readTranscriptBill({ sessionId, env: bench.env });
  expect(transcript).toEqual({ usage: bill, costUsd: readClaudeResult(stdout)?.costUsd });
});

test.each(["SIGTERM", "SIGKILL"] as const)(
  "a run ended by %s says no result, its transcript has the bill",
  async (signal) => {
    await using bench = await claudeBench([...WORKS.slice(0, 1), { after: 1, hang: true }]);
    const { sessionId, ended, kill } = bench.run("make a file");
    await until(() => bench.model.exchanges.length === 2);
    kill(signal);
    const { code, stdout } = await ended;
    expect(code).toBe(signal === "SIGTERM" ? 143 : null);
    expect(readClaudeResult(stdout)).toBeNull();
    const bill = billedTo(bench.model, sessionId);
    expect(bill.outputTokens).toBeGreaterThan(0);
    expect((await readTranscriptBill({ sessionId, env: bench.env }))?.usage).toEqual(bill);
  },
);

test("an interrupted run leaves with status 0 and no result, or one that only is_error tells from a good one", async () => {
  await using bench = await claudeBench([...WORKS.slice(0, 1), { after: 1, hang: true }]);
  const { ended, kill } = bench.run("make a file");
  await until(() => bench.model.exchanges.length === 2);
  kill("SIGINT");
  const { code, stdout } = await ended;
  expect(code).toBe(0);
  expect(readClaudeResult(stdout)?.isError).not.toBe(false);
});

test.each([400, 401, 429, 529])("API error %i ends the run as an error with that status", async (status) => {
  await using bench = await claudeBench([{ error: { status, message: "NO" } }]);
  const { code, stdout } = await bench.run("make a file").ended;
  expect(code).toBe(1);
  expect(readClaudeResult(stdout)).toMatchObject({ isError: true, apiStatus: status });
});

test("a session id is good for one run", async () => {
  await using bench = await claudeBench([{ text: "DONE" }]);
  const { sessionId, ended } = bench.run("once");
  await ended;
  const { code, stdout } = await bench.run("twice", { sessionId }).ended;
  expect(code).toBe(1);
  expect(readClaudeResult(stdout)).toBeNull();
  expect(bench.model.exchanges).toHaveLength(1);
});

test("a skill reaches the model with its arguments; an unknown one goes as plain words, so it is looked for first", async () => {
  await using bench = await claudeBench([{ text: "DONE" }]);
  const folder = join(bench.dir, ".claude/skills/greet");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "SKILL.md"), "---\nname: greet\ndescription: greets\n---\nSay hello to $ARGUMENTS\n");
  await bench.run("/greet Bob").ended;
  const { code, stdout } = await bench.run("/nosuch Bob").ended;
  const [known, unknown] = bench.model.exchanges.map(({ prompt }) => prompt);
  expect(known).toContain("Say hello to Bob");
  expect(unknown).toContain("/nosuch Bob");
  expect({ code, isError: readClaudeResult(stdout)?.isError }).toEqual({ code: 0, isError: false });
  const found = await Promise.all(["/greet Bob", "/nosuch Bob"].map((value) => hasSkill(bench.dir, value, bench.env)));
  expect(found).toEqual([true, false]);
});

test("a prompt of 500 KB arrives whole, and no command line on the machine holds any of it", async () => {
  const secret = "only-for-the-model ";
  const prompt = secret.repeat(Math.ceil(500_000 / secret.length));
  await using bench = await claudeBench([{ hang: true }]);
  const { pid, ended, kill } = bench.run(prompt);
  await until(() => bench.model.exchanges.length > 0);
  const lines = await commandLines();
  kill("SIGKILL");
  await ended;
  expect(bench.model.exchanges[0]?.prompt).toContain(prompt.trim());
  expect(lines.get(pid)).toContain("--session-id");
  expect([...lines.values()].filter((line) => line.includes(secret.trim()))).toEqual([]);
});

test("what the CLI tells its children about itself is what outsideOfSession drops", async () => {
  const command = "env -0 > environment";
  await using bench = await claudeBench([
    { after: 0, tools: [{ name: "Bash", input: { command } }] },
    { text: "DONE" },
  ]);
  await bench.run("look around").ended;
  const entries = (await readFile(join(bench.dir, "environment"), "utf8")).split("\0").filter(Boolean);
  const inside = Object.fromEntries(entries.map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
  expect(inside).toHaveProperty("CLAUDECODE");
  const added = Object.keys(outsideOfSession(inside)).filter((name) => !(name in bench.env));
  expect(added.filter((name) => /CLAUDE|AGENT/.test(name))).toEqual([]);
  expect(outsideOfSession(inside)).toMatchObject(bench.env);
});

async function commandLines(): Promise<ReadonlyMap<number, string>> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = new Map<number, string>();
  for (const pid of pids) found.set(Number(pid), await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""));
  return found;
}
