import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Config } from "../../shared/config.ts";
import { InstarError, systemCode } from "../../shared/errors.ts";
import type { Job } from "../../shared/jobs.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { gateFolder, type Launch, readLaunch, runFolder, type RunKey, runIdOf } from "../../shared/runs.ts";
import { makeFolder, replaceFile } from "../../shared/store.ts";
import { claudeCode } from "./claude-code.ts";
import { asShellText, quote, runEnvironment } from "./environment.ts";
import type { Work } from "./framework.ts";
import type { Tmux } from "./tmux.ts";

/** A gate that says nothing within this says no. */
export const GATE_TIMEOUT_MS = 10_000;

export interface Launcher {
  /**
   * Opens a pane for the job's work; may be called again while nothing began. FAILED: it cannot be started, whatever is
   * tried; UNAVAILABLE: not now (no tmux server); STORE_FULL; CONFIG_INVALID.
   */
  openWork(job: Job, run: RunKey): Promise<void>;
  /** How long the job's work may run. */
  timeoutMs(job: Job): number;
  /** The same for its gate. */
  openGate(gate: string, run: RunKey): Promise<void>;
}

export function createLauncher(deps: {
  readonly paths: AgentPaths;
  readonly config: () => Config;
  readonly tmux: Tmux;
}): Launcher {
  const { paths, tmux } = deps;

  const open = async (folder: string, how: OpenOrder): Promise<void> => {
    const { run, name, timeoutMs } = how;
    const env = await runEnvironment(paths, deps.config(), run);
    await makeFolder(folder);
    // Prepared once: a wrapper of an earlier opening may still be on its way to these files.
    const work = (await readLaunch(folder)) === null ? await how.work(env) : null;
    await writeAll(folder, { env: asShellText(env), command: work?.command, prompt: work?.prompt });
    const launch = work && ({ v: 1, timeoutMs, ...work.launch } satisfies Launch);
    if (launch) await writeAll(folder, { "launch.json": JSON.stringify(launch) });
    await tmux.openRun(name, folder);
  };

  const timeoutMs = (job: Job): number =>
    (job.timeoutMinutes ?? deps.config().sessions.defaultMaxDurationMinutes) * 60_000;

  return {
    timeoutMs,
    async openWork(job, run) {
      const { sessions } = deps.config();
      const folder = runFolder(paths, run);
      const work = async (env: Record<string, string>): Promise<Work> =>
        job.execute.type === "script"
          ? scriptWork(paths.dir, job.execute.value)
          : claudeCode.prepare({ job, folder, agentDir: paths.dir, env, program: sessions.claudePath });
      await open(folder, { run, timeoutMs: timeoutMs(job), work, name: paneName(run) });
    },
    async openGate(gate, run) {
      const work = async (): Promise<Work> => ({ launch: { kind: "script" }, command: gate });
      const folder = gateFolder(runFolder(paths, run));
      await open(folder, { run, timeoutMs: GATE_TIMEOUT_MS, work, name: `${paneName(run)}-gate` });
    },
  };
}

interface OpenOrder {
  readonly run: RunKey;
  readonly name: string;
  readonly timeoutMs: number;
  readonly work: (env: Record<string, string>) => Promise<Work>;
}

async function writeAll(folder: string, files: Readonly<Record<string, string | undefined>>): Promise<void> {
  await Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      if (text !== undefined) await replaceFile(join(folder, name), text);
    }),
  );
}

/** tmux reads dots and colons in names as its own. */
function paneName(run: RunKey): string {
  return runIdOf(run).replaceAll(".", "-");
}

/** A script is the path of a file, which is run as it is, or else text for the shell. */
async function scriptWork(agentDir: string, value: string): Promise<Work> {
  const launch = { kind: "script" } as const;
  const path = resolve(agentDir, value);
  if (!(await isFile(path))) return { launch, command: value };
  try {
    await access(path, constants.X_OK);
  } catch (error) {
    throw new InstarError("FAILED", `the script ${value} is not executable`, {
      cause: error,
      hint: `chmod +x ${quote(path)}`,
    });
  }
  return { launch, command: `exec ${quote(path)}\n` };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ENAMETOOLONG", "EACCES", "ERR_INVALID_ARG_VALUE"].includes(systemCode(error) ?? ""))
      return false;
    throw error;
  }
}
