import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findClaude, scriptedEnvironment } from "../../bin/demo/claude-cli.ts";
import { type ScriptedModel, startScriptedModel, type Turn } from "../../bin/demo/scripted-model.ts";
import { claudeArguments, type Usage } from "../../shared/claude.ts";
import { tempDir } from "./temp.ts";

/** The real CLI, pinned; tests that use it fail where it is missing. */
export const CLAUDE = await findClaude();

/** What one run under test is given, and what it left. */
export interface HeadlessRun {
  readonly pid: number;
  readonly sessionId: string;
  readonly ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

export interface ClaudeBench extends AsyncDisposable {
  readonly model: ScriptedModel;
  /** The agent's folder. */
  readonly dir: string;
  readonly env: Record<string, string>;
  run(prompt: string, options?: { sessionId?: string; env?: Record<string, string> }): HeadlessRun;
}

/** A folder, a home and a scripted model for the real CLI. */
export async function claudeBench(turns: readonly Turn[]): Promise<ClaudeBench> {
  const temp = await tempDir();
  const model = await startScriptedModel(turns);
  const dir = join(temp.path, "agent");
  const home = join(temp.path, "home");
  await mkdir(dir);
  await mkdir(home);
  const env = { PATH: process.env["PATH"] ?? "", ...scriptedEnvironment({ home, url: model.url }) };
  const running = new Set<HeadlessRun>();
  return {
    model,
    dir,
    env,
    run(prompt, { sessionId = randomUUID(), env: more = {} } = {}) {
      const run = startRun({ prompt, sessionId, cwd: dir, env: { ...env, ...more } });
      running.add(run);
      void run.ended.then(() => running.delete(run));
      return run;
    },
    async [Symbol.asyncDispose]() {
      for (const run of running) run.kill("SIGKILL");
      await Promise.all([...running].map((run) => run.ended));
      await model[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

function startRun(how: { prompt: string; sessionId: string; cwd: string; env: Record<string, string> }): HeadlessRun {
  const { prompt, sessionId, cwd, env } = how;
  const child = spawn(CLAUDE, claudeArguments({ model: "haiku", sessionId }), { cwd, env });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.end(prompt);
  const ended = new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>(
    (resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    },
  );
  return { pid: child.pid ?? 0, sessionId, ended, kill: (signal) => void child.kill(signal) };
}

/** What the scripted model would have billed a session for, by its own count. */
export function billedTo(model: ScriptedModel, sessionId: string): Usage {
  const bills = model.exchanges.filter((exchange) => exchange.sessionId === sessionId).map(({ bill }) => bill);
  return {
    inputTokens: bills.reduce((sum, bill) => sum + (bill?.inputTokens ?? 0), 0),
    outputTokens: bills.reduce((sum, bill) => sum + (bill?.outputTokens ?? 0), 0),
    cacheReadTokens: 0,
    cacheCreationTokens: 0,
  };
}

/** Dollars, by the list prices that CLI 2.1.329 knows for its `haiku` with short contexts, by the million tokens. */
export function haikuCostUsd({ inputTokens, outputTokens }: Usage): number {
  return (inputTokens * 0.1 + outputTokens * 0.5) / 1e6;
}
