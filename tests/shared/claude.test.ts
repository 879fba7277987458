import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import {
  claudeArguments,
  hasSkill,
  outsideOfSession,
  readClaudeResult,
  readTranscriptBill,
} from "../../shared/claude.ts";
import { tempDir } from "../support/temp.ts";

const SESSION = "11111111-2222-4333-8444-555555555555";

const RESULT = {
  type: "result",
  subtype: "success",
  is_error: false,
  result: "DONE",
  session_id: SESSION,
  num_turns: 2,
  api_error_status: null,
  total_cost_usd: 0.25,
  usage: { input_tokens: 10, output_tokens: 2, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
  modelUsage: {
    main: { inputTokens: 10, outputTokens: 2, cacheReadInputTokens: 3, cacheCreationInputTokens: 4 },
    "sub-agent": { inputTokens: 100, outputTokens: 20, cacheReadInputTokens: 30, cacheCreationInputTokens: 40 },
  },
};

const answer = (id: string, output: number): string =>
  JSON.stringify({
    type: "assistant",
    message: {
      id,
      content: [{ type: "text", text: "one block a line" }],
      usage: { input_tokens: 100, output_tokens: output, cache_read_input_tokens: 5, cache_creation_input_tokens: 1 },
    },
  });

const bill = (input: number, costUsd: number): string =>
  JSON.stringify({
    type: "cost-state",
    totalCostUSD: costUsd,
    modelUsage: { m: { inputTokens: input, outputTokens: 1, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 } },
  });

async function transcriptBill(
  dir: string,
  files: Record<string, readonly string[]>,
): ReturnType<typeof readTranscriptBill> {
  for (const [name, lines] of Object.entries(files)) {
    const path = join(dir, "projects", "-srv-agent-x1y2z3", name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, lines.map((line) => `${line}\n`).join(""));
  }
  return readTranscriptBill({ sessionId: SESSION, env: { CLAUDE_CONFIG_DIR: dir } });
}

test("a result names its session, its answer and what all models together spent", () => {
  expect(readClaudeResult(`${JSON.stringify(RESULT)}\n`)).toEqual({
    isError: false,
    result: "DONE",
    sessionId: SESSION,
    turns: 2,
    apiStatus: null,
    usage: { inputTokens: 110, outputTokens: 22, cacheReadTokens: 33, cacheCreationTokens: 44 },
    costUsd: 0.25,
  });
});

test("an error is an error whatever its subtype says", () => {
  const text = JSON.stringify({ ...RESULT, is_error: true, api_error_status: 529, result: "API Error: 529" });
  expect(readClaudeResult(text)).toMatchObject({ isError: true, result: "API Error: 529", apiStatus: 529 });
});

test("an error without words is told by its subtype", () => {
  const text = JSON.stringify({ ...RESULT, is_error: true, subtype: "error_max_turns", result: undefined });
  expect(readClaudeResult(text)).toMatchObject({ isError: true, result: "error_max_turns" });
});

test("an older CLI without shares by model is read by the main loop's usage", () => {
  const text = JSON.stringify({ ...RESULT, modelUsage: undefined });
  expect(readClaudeResult(text)?.usage).toMatchObject({ inputTokens: 10, outputTokens: 2 });
});

test("lines of a wrapper around the CLI are passed over", () => {
  expect(readClaudeResult(`loading\n${JSON.stringify(RESULT)}\n{"type":"bye"}\n`)?.result).toBe("DONE");
});

test.each([
  ["nothing", ""],
  ["a refusal in words", "--dangerously-skip-permissions cannot be used with root/sudo privileges"],
  ["a torn result", JSON.stringify(RESULT).slice(0, 80)],
  ["another JSON", '{"type":"system"}\n[1]\n{}'],
])("%s is no result", (_name, text) => {
  expect(readClaudeResult(text)).toBeNull();
});

test("each answer of a killed run counts once, though it has a line a block", async () => {
  await using dir = await tempDir();
  const lines = [answer("a", 7), answer("a", 7), "{torn", '{"type":"user","usage":1}', answer("b", 3)];
  expect(await transcriptBill(dir.path, { [`${SESSION}.jsonl`]: lines })).toEqual({
    usage: { inputTokens: 200, outputTokens: 10, cacheReadTokens: 10, cacheCreationTokens: 2 },
    costUsd: null,
  });
});

test("answers of sub-agents count as well", async () => {
  await using dir = await tempDir();
  const files = {
    [`${SESSION}.jsonl`]: [answer("a", 1)],
    [`${SESSION}/subagents/agent-1.jsonl`]: [answer("s", 2), answer("s", 2)],
  };
  expect((await transcriptBill(dir.path, files))?.usage).toMatchObject({ inputTokens: 200, outputTokens: 3 });
});

test("the last bill of a transcript is the whole of it", async () => {
  await using dir = await tempDir();
  const lines = [answer("a", 7), bill(100, 0.1), answer("b", 7), bill(250, 0.3)];
  expect(await transcriptBill(dir.path, { [`${SESSION}.jsonl`]: lines })).toEqual({
    usage: { inputTokens: 250, outputTokens: 1, cacheReadTokens: 0, cacheCreationTokens: 0 },
    costUsd: 0.3,
  });
});

test("answers after the last bill are added to it, and then nobody knows the cost", async () => {
  await using dir = await tempDir();
  const lines = [answer("a", 7), bill(100, 0.1), answer("a", 7), answer("b", 2)];
  const found = await transcriptBill(dir.path, { [`${SESSION}.jsonl`]: lines });
  expect(found?.usage).toMatchObject({ inputTokens: 200, outputTokens: 3 });
  expect(found?.costUsd).toBeNull();
});

test("a run that left no transcript has no bill", async () => {
  await using dir = await tempDir();
  expect(await transcriptBill(dir.path, { "another.jsonl": [answer("a", 1)] })).toBeNull();
  expect(await transcriptBill(join(dir.path, "missing"), {})).toBeNull();
});

test("the prompt is not among the arguments, the session and the model are", () => {
  const words = claudeArguments({ model: "haiku", sessionId: SESSION });
  expect(words).toEqual(expect.arrayContaining(["-p", "haiku", SESSION]));
});

test("a run is not the child of the session that Instar was started from, and keeps the owner's settings", () => {
  const outer = {
    CLAUDECODE: "1",
    CLAUDE_CODE_SESSION_ID: SESSION,
    CLAUDE_CODE_MESSAGING_TOKEN: "t",
    CLAUDE_CODE_USE_BEDROCK: "1",
    CLAUDE_CONFIG_DIR: "/c",
    PATH: "/bin",
    GONE: undefined,
  };
  expect(outsideOfSession(outer)).toEqual({ CLAUDE_CODE_USE_BEDROCK: "1", CLAUDE_CONFIG_DIR: "/c", PATH: "/bin" });
});

test("a skill is looked for in the agent's folder and in the user's", async () => {
  await using dir = await tempDir();
  const agent = join(dir.path, "agent");
  const env = { HOME: join(dir.path, "home") };
  for (const path of [
    join(agent, ".claude/skills/greet/SKILL.md"),
    join(agent, ".claude/commands/tidy.md"),
    join(env.HOME, ".claude/skills/mine/SKILL.md"),
  ]) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "");
  }
  const known = ["greet", "/greet Bob and Eve", "tidy", "mine", "plugin:thing x", "nosuch Bob", "../greet", "", "/"];
  const found = await Promise.all(known.map((value) => hasSkill(agent, value, env)));
  expect(found).toEqual([true, true, true, true, true, false, false, false, false]);
});
