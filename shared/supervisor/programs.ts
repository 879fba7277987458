import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { loadConfig } from "../config.ts";
import { InstarError, isInstarError, systemCode } from "../errors.ts";
import { NODE_FLAGS, readStatus } from "../lifecycle.ts";
import { type AgentPaths, ensureRun, exists, PACKAGE_ROOT, readRun } from "../paths.ts";
import { identify, isAlive, type ProcessIdentity } from "../proc.ts";
import type { DaemonName } from "../protocol.ts";
import { writeError } from "../store.ts";
import { type Program, signalProcess } from "./keeper.ts";
import { lastError, logPath, openLogFile } from "./logs.ts";

export const TMUX = "tmux";
/** tmux answers from memory; one that does not is stuck. */
const ANSWER_MS = 5_000;

export interface ProgramDeps {
  readonly paths: AgentPaths;
  readonly mode: "foreground" | "background";
  /** What an earlier supervisor knew of the program. */
  readonly lastKnown: ProcessIdentity | null;
}

/** The compiled or the source file of a daemon, whichever this is part of. */
export function mainOf(daemon: string): string {
  const extension = import.meta.filename.endsWith(".ts") ? "ts" : "js";
  return join(import.meta.dirname, `../../daemons/${daemon}/main.${extension}`);
}

export function daemonProgram(name: DaemonName, main: string, { paths, mode, lastKnown }: ProgramDeps): Program {
  return {
    name,
    async find() {
      const status = await readStatus(paths, name);
      if (status) return status;
      // One that has just been started says nothing yet.
      return lastKnown && (await isAlive(lastKnown)) ? lastKnown : null;
    },
    start: () =>
      spawnLogged(paths, name, process.execPath, [...NODE_FLAGS, main, "--dir", paths.dir], {
        INSTAR_SUPERVISOR: mode,
      }),
    lastError: (pid) => lastError(logPath(paths, name), pid),
  };
}

/** The agent's tmux server. It outlives its supervisor, and so do the runs in it. */
export function tmuxProgram({ paths, lastKnown }: ProgramDeps): Program {
  return {
    name: TMUX,
    async find() {
      const [pid] = await askTmux(paths, ["display-message", "-p", "#{pid}"]);
      if (pid !== undefined) return identify(Number(pid));
      if (!lastKnown || !(await isAlive(lastKnown))) return null;
      await healTmux(paths, lastKnown);
      return lastKnown;
    },
    async start() {
      const config = join(PACKAGE_ROOT, "templates/tmux.conf");
      return spawnLogged(
        paths,
        TMUX,
        await tmuxPath(paths),
        ["-D", "-S", join(await ensureRun(paths), "tmux.sock"), "-f", config],
        {},
      );
    },
    lastError: async () => null,
  };
}

/** A tmux server whose socket was removed makes it again when it is told SIGUSR1, tmux(1). */
export async function healTmux(paths: AgentPaths, server: ProcessIdentity): Promise<void> {
  const run = await ensureRun(paths);
  if (!(await exists(join(run, "tmux.sock"))) && (await isAlive(server))) signalProcess(server.pid, "SIGUSR1");
}

/** The lines of an answer; none when there is no server, or nothing to tell. */
export async function askTmux(paths: AgentPaths, words: readonly string[]): Promise<string[]> {
  const run = await readRun(paths);
  const socket = join(run ?? paths.run, "tmux.sock");
  if (!(await exists(socket))) return [];
  const asked = promisify(execFile)(await tmuxPath(paths), ["-N", "-S", socket, ...words], { timeout: ANSWER_MS });
  // "no current target", "error connecting": it says so with exit 1, and one that does not answer is as good as none.
  const { stdout } = await asked.catch((error: unknown) => {
    if (error instanceof Error) return { stdout: "" };
    throw error;
  });
  return stdout.split("\n").filter((line) => line !== "");
}

/** A broken config is told by the daemons; tmux must not wait for its cure. */
async function tmuxPath(paths: AgentPaths): Promise<string> {
  try {
    return (await loadConfig(paths)).sessions.tmuxPath;
  } catch (error) {
    if (isInstarError(error)) return "tmux";
    throw error;
  }
}

/** What a run or a session of Claude Code around us says of itself is not true of a daemon. */
const NOT_OURS = /^(INSTAR_(DIR|AGENT_DIR|URL|TOKEN|JOB|SLOT|RUN_ID|ATTEMPT|SUPERVISOR)|TMUX|TMUX_PANE)$/;

/** In a session of its own, so that it outlives us and no terminal's signal reaches it; its words go into its log. */
export async function spawnLogged(
  paths: AgentPaths,
  name: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  await using log = await openLogFile(paths, name).catch((error: unknown) => {
    throw writeError(error, logPath(paths, name));
  });
  const outer = Object.entries(process.env).filter(([key]) => !NOT_OURS.test(key));
  const child = spawn(program, args, {
    cwd: paths.dir,
    detached: true,
    env: { ...Object.fromEntries(outer), ...env },
    stdio: ["ignore", log.fd, log.fd],
  });
  try {
    await once(child, "spawn");
  } catch (cause) {
    const isMissing = systemCode(cause) === "ENOENT";
    const message = isMissing ? `${program} is not installed, or not on the path` : `cannot start ${program}`;
    throw new InstarError("UNAVAILABLE", message, { cause, hint: "`instar doctor` tells what is missing" });
  }
  return child;
}
