import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import {
  type Bill,
  claudeArguments,
  claudeFolder,
  hasSkill,
  readClaudeResult,
  readTranscriptBill,
  skillPrompt,
} from "../../shared/claude.ts";
import { InstarError, systemCode } from "../../shared/errors.ts";
import { quote } from "./environment.ts";
import type { AgentEnd, AgentOrder, Framework } from "./framework.ts";
import { lastLine, readEnd } from "./run-text.ts";

/** What `limitOutput` leaves of a result is no longer. */
const MAX_RESULT_BYTES = 64 * 1024 * 1024;

/** Headless Claude Code: the prompt on stdin, its result as JSON in `result.json`, its complaints in `output`. */
export const claudeCode: Framework = {
  async prepare({ job, folder, agentDir, env, program }) {
    const prompt = await promptOf(job, agentDir, env);
    const path = await findProgram(program, agentDir, env);
    const session = { id: randomUUID(), folder: claudeFolder(env) };
    const words = [path, ...claudeArguments({ model: job.model, sessionId: session.id })].map(quote).join(" ");
    const files = `<${quote(join(folder, "prompt"))} >>${quote(join(folder, "result.json"))}`;
    return { launch: { kind: "claude-code", session }, command: `exec ${words} ${files}\n`, prompt };
  },

  async readEnd(folder, session, exitCode) {
    const result = readClaudeResult((await readEnd(join(folder, "result.json"), MAX_RESULT_BYTES)) ?? "");
    const bill = result ?? (session ? await readBill(session) : null);
    return {
      failure: await failureOf(folder, result, exitCode),
      said: result?.result ?? "",
      usage: bill?.usage,
      costUsd: bill?.costUsd ?? undefined,
    };
  },
};

async function promptOf(job: AgentOrder["job"], agentDir: string, env: AgentOrder["env"]): Promise<string> {
  const { type, value } = job.execute;
  if (type !== "skill") return value;
  if (await hasSkill(agentDir, value, env)) return skillPrompt(value);
  throw new InstarError("FAILED", `there is no skill ${skillPrompt(value).split(/\s/)[0]}`, {
    hint: "a skill is .claude/skills/<name>/SKILL.md in the agent's folder or the user's",
  });
}

/** The program, by its whole path. FAILED when it is not there. */
async function findProgram(program: string, agentDir: string, env: AgentOrder["env"]): Promise<string> {
  const folders = program.includes("/") ? [agentDir] : (env["PATH"] ?? "").split(delimiter).filter(Boolean);
  for (const folder of folders) {
    const path = resolve(folder, program);
    if (await isExecutable(path)) return path;
  }
  throw new InstarError("FAILED", `the Claude Code CLI is not there: ${program}`, {
    hint: "install it, or say where it is: sessions.claudePath in config.json",
  });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

async function readBill(session: { readonly id: string; readonly folder: string }): Promise<Bill | null> {
  return readTranscriptBill({ sessionId: session.id, env: { CLAUDE_CONFIG_DIR: session.folder } });
}

/** `is_error` counts, whatever the exit status says; so does the status, whatever the result says. */
async function failureOf(
  folder: string,
  result: ReturnType<typeof readClaudeResult>,
  exitCode: number | null,
): Promise<AgentEnd["failure"]> {
  if (result?.isError) {
    const status = result.apiStatus === null ? "" : ` (API status ${result.apiStatus})`;
    return `the agent reported an error${status}: ${firstLine(result.result)}`;
  }
  if (exitCode === 0 && result) return null;
  const said = await lastLine(folder);
  const what = exitCode === 0 ? "the agent ended without a result" : `exit status ${exitCode}`;
  return said === "" ? what : `${what}: ${said}`;
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0]?.slice(0, 300) ?? "";
}
