import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureRun, PACKAGE_ROOT } from "../../shared/paths.ts";
import type { TempAgent } from "./temp-agent.ts";
import { until } from "./until.ts";

/** The tmux server of an agent under test; its runs are ended with it, or with the agent. */
export interface TestTmux extends AsyncDisposable {
  readonly pid: number;
  readonly socket: string;
  /** SIGKILL, as a fault would; returns when it is gone. */
  kill(): Promise<void>;
  /** Asks it as a person would. */
  ask(...words: readonly string[]): Promise<string>;
}

/** Starts it as the supervisor does, and returns when it answers. */
export async function startTmux(agent: Pick<TempAgent, "paths" | "env">): Promise<TestTmux> {
  const socket = join(await ensureRun(agent.paths), "tmux.sock");
  const conf = join(PACKAGE_ROOT, "templates/tmux.conf");
  const env = { ...process.env, ...agent.env };
  const server = spawn("tmux", ["-D", "-S", socket, "-f", conf], { stdio: "ignore", env });
  const gone = once(server, "exit");
  const ask = async (...words: readonly string[]): Promise<string> =>
    (await promisify(execFile)("tmux", ["-N", "-S", socket, ...words])).stdout;
  await until(async () => (await ask("display-message", "-p", "#{pid}")).trim() === String(server.pid));
  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) server.kill(signal);
    await gone;
  };
  return {
    pid: server.pid ?? 0,
    socket,
    ask,
    kill: () => end("SIGKILL"),
    [Symbol.asyncDispose]: () => end("SIGTERM"),
  };
}
