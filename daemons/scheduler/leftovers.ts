import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { systemCode } from "../../shared/errors.ts";

/** What forks while it is ended is found by the next look; more looks than this only a fork bomb needs. */
const MAX_LOOKS = 5;
/** Environments of others than ours are not readable, and none of ours is longer than a command line may be. */
const MAX_ENVIRONMENT_BYTES = 16 * 1024 * 1024;

/** A run, as its processes name it in their environment. */
export interface RunName {
  readonly runId: string;
  readonly agentDir: string;
}

/**
 * Ends what a run left behind: every process whose environment names it, in whatever group or session. Tools of an
 * agent run in sessions of their own, and outlive the signal to the run's group.
 */
export async function endLeftovers(runId: string, agentDir: string): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const pids = await leftoversOf({ runId, agentDir });
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid, "SIGKILL");
  }
}

/** Asks the run's processes outside of its group to end; those inside were asked together. */
export async function askLeftovers(run: RunName & { readonly group: number }): Promise<void> {
  for (const pid of await leftoversOf(run)) if ((await groupOf(pid)) !== run.group) signal(pid, "SIGTERM");
}

/** Pids of the processes that belong to a run; never this one. */
export async function leftoversOf({ runId, agentDir }: RunName): Promise<number[]> {
  const marks = [`INSTAR_RUN_ID=${runId}`, `INSTAR_AGENT_DIR=${agentDir}`];
  const found = process.platform === "linux" ? await findByProc(marks) : await findByPs(marks);
  return found.filter((pid) => pid > 1 && pid !== process.pid);
}

async function findByProc(marks: readonly string[]): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found: number[] = [];
  for (const pid of pids) {
    const environment = (await readOwn(`/proc/${pid}/environ`))?.split("\0");
    if (environment && marks.every((mark) => environment.includes(mark))) found.push(Number(pid));
  }
  return found;
}

/** macOS shows the environments of one's own processes after their arguments. */
async function findByPs(marks: readonly string[]): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-axEww", "-o", "pid=,command="], {
    maxBuffer: MAX_ENVIRONMENT_BYTES,
  });
  const lines = stdout.split("\n").filter((line) => marks.every((mark) => `${line} `.includes(` ${mark} `)));
  return lines.map((line) => Number.parseInt(line, 10));
}

async function groupOf(pid: number): Promise<number | null> {
  if (process.platform !== "linux") {
    const { stdout } = await promisify(execFile)("ps", ["-o", "pgid=", "-p", String(pid)]).catch(() => ({
      stdout: "",
    }));
    return Number(stdout) || null;
  }
  const stat = await readOwn(`/proc/${pid}/stat`);
  // After the name in parentheses: state, parent, group (proc_pid_stat(5)).
  return stat === null ? null : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
}

/** Null: gone meanwhile, or another user's. */
async function readOwn(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(systemCode(error) ?? "")) return null;
    throw error;
  }
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}
