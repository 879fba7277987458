import { readdir, readFile } from "node:fs/promises";
import { type Clock, pause } from "../clock.ts";
import { systemCode } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";
import { signalProcess } from "./keeper.ts";
import { askTmux } from "./programs.ts";

/** A hangup has reached every run; what does not go of it is told, and then made to. */
const GRACE_MS = { hangup: 2_000, term: 2_000, kill: 2_000 } as const;

/** Runs that live in the agent's tmux server. */
export async function countRuns(paths: AgentPaths): Promise<number> {
  return (await askTmux(paths, ["list-panes", "-a", "-F", "#{pane_pid}"])).length;
}

/** Ends what is left of the agent's runs after their panes are gone; tools of an agent run in sessions of their own. */
export async function endRuns(paths: AgentPaths, clock: Clock): Promise<void> {
  const isOver = async (withinMs: number, pids: () => Promise<number[]>): Promise<boolean> => {
    const deadlineMs = clock.monotonicMs() + withinMs;
    while (clock.monotonicMs() < deadlineMs) {
      if ((await pids()).length === 0) return true;
      await pause(clock, 50);
    }
    return false;
  };
  const work = (): Promise<number[]> => workOf(paths);
  for (const [signal, ms] of [
    [null, GRACE_MS.hangup],
    ["SIGTERM", GRACE_MS.term],
    ["SIGKILL", GRACE_MS.kill],
  ] as const) {
    if (signal) for (const pid of await work()) signalProcess(pid, signal);
    if (await isOver(ms, work)) break;
  }
  // The wrappers write down how the work ended.
  await isOver(GRACE_MS.kill, () => wrappersOf(paths));
}

async function workOf({ dir }: AgentPaths): Promise<number[]> {
  return findProcesses(
    "environ",
    (variables) =>
      variables.includes(`INSTAR_AGENT_DIR=${dir}`) &&
      variables.some((variable) => variable.startsWith("INSTAR_RUN_ID=")),
  );
}

async function wrappersOf(paths: AgentPaths): Promise<number[]> {
  const runs = `${paths.state("scheduler")}/runs/`;
  return findProcesses(
    "cmdline",
    (words) => words[0]?.endsWith("sh") === true && words.some((word) => word.startsWith(runs)),
  );
}

/** By /proc; without it (macOS) the hangup of their panes must be enough. */
async function findProcesses(file: "environ" | "cmdline", isWanted: (parts: string[]) => boolean): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const text = await readFile(`/proc/${pid}/${file}`, "utf8").catch((error: unknown) => {
      // Gone meanwhile, or another user's.
      if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(systemCode(error) ?? "")) return "";
      throw error;
    });
    if (isWanted(text.split("\0"))) found.push(pid);
  }
  return found;
}
