import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { readStatus } from "../../shared/lifecycle.ts";
import { readRun } from "../../shared/paths.ts";
import { identify } from "../../shared/proc.ts";
import { type ProgramStatus, readSupervisorStatus } from "../../shared/supervisor.ts";
import { type Program, startNode } from "./programs.ts";
import type { TempAgent } from "./temp-agent.ts";
import { until } from "./until.ts";

export const DAEMONS = join(import.meta.dirname, "daemons");
export type Mode = "foreground" | "background";

/** A supervisor of the agent's tmux server and of one small daemon. */
export function supervise(agent: TempAgent, mode: Mode = "background"): Program {
  return startNode([join(DAEMONS, "supervisor.ts"), mode, agent.dir], { env: agent.env });
}

export async function programOf(agent: TempAgent, name: string): Promise<ProgramStatus | undefined> {
  return (await readSupervisorStatus(agent.paths))?.programs[name];
}

/** The pid of the daemon when it is up, and is not `than`. */
export async function upOther(agent: TempAgent, than = 0): Promise<number> {
  return until(async () => {
    const status = await readStatus(agent.paths, "telegram");
    return status?.state === "up" && status.pid !== than && status.pid;
  });
}

export async function tmuxPid(agent: TempAgent): Promise<number> {
  return until(async () => (await programOf(agent, "tmux"))?.process?.pid);
}

export async function tmux(agent: TempAgent, ...words: string[]): Promise<string> {
  const socket = join((await readRun(agent.paths)) ?? "", "tmux.sock");
  return (await promisify(execFile)("tmux", ["-N", "-S", socket, ...words])).stdout.trim();
}

export const living = async (pid: number): Promise<boolean> => (await identify(pid)) !== null;
