import { systemClock } from "../clock.ts";
import { InstarError } from "../errors.ts";
import { IDLE_NODE_FLAGS, readStatus, until } from "../lifecycle.ts";
import { type AgentPaths, ensureRun } from "../paths.ts";
import { DaemonName } from "../protocol.ts";
import { endProcess, signalProcess } from "./keeper.ts";
import { lastError, logPath } from "./logs.ts";
import { mainOf, spawnLogged } from "./programs.ts";
import { countRuns } from "./runs.ts";
import { readSupervisorStatus, SUPERVISOR, type SupervisorStatus } from "./status.ts";

/** Longer than a daemon's drain, its killing, and the end of all runs. */
const STOP_MS = 25_000;
const START_MS = 30_000;
/** A daemon that complains for so long while it starts is not waited for. */
const PATIENCE_MS = 3_000;

interface Stopped {
  /** What was ended, the supervisor among it. */
  readonly ended: readonly string[];
  readonly runsKept: number;
}

/** The supervisor that needs nothing of the machine: a process of our own, in the background. */
interface OwnSupervisor {
  /** Returns when every daemon is up or has failed. `isNew` false: one ran already. */
  start(): Promise<{ readonly isNew: boolean; readonly status: SupervisorStatus }>;
  /** Ends supervisor and daemons, by whomever they were started; runs are kept. */
  stop(): Promise<Stopped>;
  /** Restarts every daemon; the runs do not notice. */
  restart(): Promise<SupervisorStatus>;
}

export function ownSupervisor(paths: AgentPaths): OwnSupervisor {
  const start: OwnSupervisor["start"] = async () => {
    const running = await readSupervisorStatus(paths);
    if (running) return { isNew: false, status: running };
    await ensureRun(paths);
    const args = [...IDLE_NODE_FLAGS, mainOf(SUPERVISOR), "--dir", paths.dir];
    const child = await spawnLogged(paths, SUPERVISOR, process.execPath, args, {});
    child.unref();
    const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null;
    // Of several that start at once one stays, and speaks for all.
    const isAlone = async (): Promise<boolean> => hasExited() && (await readSupervisorStatus(paths)) === null;
    const begunMs = systemClock.monotonicMs();
    const isKept = async (): Promise<boolean> =>
      systemClock.monotonicMs() - begunMs > PATIENCE_MS && (await complaints(paths)).length > 0;
    const status = await waitFor(async () => (await settled(paths)) ?? ((await isAlone()) || (await isKept())));
    if (status !== null && status !== true) return { isNew: status.pid === child.pid, status };
    const [complaint] = await complaints(paths);
    if (complaint !== undefined)
      throw new InstarError("TIMEOUT", `the suite runs, but ${complaint}`, { hint: "instar doctor" });
    const said = await lastError(logPath(paths, SUPERVISOR), child.pid ?? 0);
    const hint = "instar logs supervisor";
    if (status) throw new InstarError("UNAVAILABLE", `the supervisor left: ${said ?? "without a word"}`, { hint });
    throw new InstarError("TIMEOUT", `the suite is not up after ${START_MS / 1000} s`, {
      hint: "instar status; instar logs",
    });
  };
  const stop = async (): Promise<Stopped> => {
    const ended: string[] = [];
    const supervisor = await readSupervisorStatus(paths);
    if (supervisor) {
      await endProcess(supervisor, { clock: systemClock, graceMs: STOP_MS });
      ended.push(...Object.keys(supervisor.programs).filter((name) => name !== "tmux"), SUPERVISOR);
    }
    // Those that a killed supervisor left, or a person started.
    const left = await Promise.all(DaemonName.options.map((name) => readStatus(paths, name)));
    const orphans = left.filter((status) => status !== null);
    await Promise.all(orphans.map((status) => endProcess(status, { clock: systemClock, graceMs: STOP_MS })));
    ended.push(...orphans.map(({ name }) => name).filter((name) => !ended.includes(name)));
    return { ended, runsKept: await countRuns(paths) };
  };
  const restart = async (): Promise<SupervisorStatus> => {
    const running = await readSupervisorStatus(paths);
    if (running?.mode !== "foreground") {
      await stop();
      return (await start()).status;
    }
    const names = DaemonName.options.filter((name) => name in running.programs);
    await Promise.all(names.map((name) => restartDaemon(paths, name)));
    return (await settled(paths)) ?? running;
  };
  return { start, stop, restart };
}

/** Restarts one daemon under the supervisor that there is; returns when the new one is up. UNAVAILABLE, TIMEOUT. */
async function restartDaemon(paths: AgentPaths, name: DaemonName): Promise<void> {
  const supervisor = await readSupervisorStatus(paths);
  if (!supervisor) throw new InstarError("UNAVAILABLE", "no supervisor runs", { hint: "instar server start" });
  const old = await readStatus(paths, name);
  if (old) signalProcess(old.pid, "SIGTERM");
  else signalProcess(supervisor.pid, "SIGUSR2");
  const isBack = await waitFor(async () => {
    const status = await readStatus(paths, name);
    return status && status.pid !== old?.pid && status.state === "up";
  });
  if (isBack) return;
  const detail = (await readSupervisorStatus(paths))?.programs[name]?.detail;
  throw new InstarError("TIMEOUT", `${name} is not up again after ${START_MS / 1000} s${detail ? `: ${detail}` : ""}`, {
    hint: `instar logs ${name}`,
  });
}

/** The supervisor's status once each of its daemons is up or has failed; null before. */
async function settled(paths: AgentPaths): Promise<SupervisorStatus | null> {
  const status = await readSupervisorStatus(paths);
  if (!status) return null;
  const programs = Object.entries(status.programs).filter(([name]) => name !== "tmux");
  const areSettled = await Promise.all(
    programs.map(async ([name, { state }]) => {
      if (state === "failed" || state === "resting") return true;
      return (await readStatus(paths, name))?.state === "up";
    }),
  );
  return programs.length > 0 && areSettled.every(Boolean) ? status : null;
}

/** What keeps daemons that are starting from being up. */
async function complaints(paths: AgentPaths): Promise<string[]> {
  const statuses = await Promise.all(DaemonName.options.map((name) => readStatus(paths, name)));
  return statuses.flatMap((status) =>
    status?.state === "starting"
      ? Object.values(status.concerns).map((text) => `${status.name} is not up: ${text}`)
      : [],
  );
}

async function waitFor<T>(ask: () => Promise<T | false | null>): Promise<T | null> {
  return until(async () => (await ask()) || null, { clock: systemClock, timeoutMs: START_MS });
}
