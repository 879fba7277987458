import { readFile } from "node:fs/promises";
import { type Clock, isoInstant, systemClock } from "../clock.ts";
import { systemCode } from "../errors.ts";
import { identifySelf, keepHealing, keepSnapshot, release, takePlace } from "../lifecycle.ts";
import type { Log } from "../log.ts";
import { type AgentPaths, makePrivate } from "../paths.ts";
import type { DaemonName } from "../protocol.ts";
import { type Keeper, keepUp } from "./keeper.ts";
import { logPath, rotateLog } from "./logs.ts";
import { daemonProgram, healTmux, mainOf, type ProgramDeps, TMUX, tmuxProgram } from "./programs.ts";
import { countRuns, endRuns } from "./runs.ts";
import { SUPERVISOR, SupervisorStatus } from "./status.ts";

/** The daemons that every agent has. */
export const SUITE: readonly DaemonName[] = ["scheduler", "gateway"];

export interface SuiteOptions {
  readonly paths: AgentPaths;
  /** In the foreground an interrupt or a hangup of the terminal ends the runs too. */
  readonly mode: "foreground" | "background";
  readonly log: Log;
  readonly clock?: Clock;
  readonly onChange?: (status: SupervisorStatus) => void;
  /** Daemons and their programs, where it is not SUITE as compiled. */
  readonly daemons?: readonly { readonly name: DaemonName; readonly main: string }[];
}

/** Daemons give themselves 5 s to drain. */
const GRACE_MS = 6_000;
const ROTATE_MS = 60_000;

/**
 * Holds the suite and its tmux server up until this process is told to end, and then ends the daemons. Runs are kept
 * where somebody can hold them up again: SIGTERM keeps them. SIGUSR2: try again what was left alone. PLACE_TAKEN where another does.
 */
export async function superviseSuite(options: SuiteOptions): Promise<void> {
  const { paths, mode, log, clock = systemClock } = options;
  const signals = hearSignals(mode);
  for (const warning of await makePrivate(paths)) log.warn(warning);
  const before = await lastStatus(paths);
  const place = await takePlace(paths, SUPERVISOR);
  const since = isoInstant(clock.now());
  const self = { ...(await identifySelf()), release: await release() };
  const keepers: Keeper[] = [];
  const status = (): SupervisorStatus => ({
    version: 1,
    name: SUPERVISOR,
    ...self,
    since,
    mode,
    programs: Object.fromEntries(keepers.map((keeper) => [keeper.name, keeper.status()])),
  });
  const file = keepSnapshot(paths.status(SUPERVISOR), status, (error) =>
    log.warn({ error }, "cannot write the status file"),
  );
  const onChange = async (): Promise<void> => {
    await file.save();
    options.onChange?.(status());
  };
  const lost = Promise.withResolvers<never>();
  const heal = async (): Promise<void> => {
    await file.heal();
    const tmux = keepers.find(({ name }) => name === TMUX)?.status().process;
    if (tmux) await healTmux(paths, tmux);
  };
  await using _held = keepHealing({ paths, name: SUPERVISOR, place, heal, log, onLost: lost.reject });

  const deps = (name: string): ProgramDeps => ({ paths, mode, lastKnown: before?.programs[name]?.process ?? null });
  const daemons = options.daemons ?? SUITE.map((name) => ({ name, main: mainOf(name) }));
  const programs = [tmuxProgram(deps(TMUX)), ...daemons.map(({ name, main }) => daemonProgram(name, main, deps(name)))];
  for (const program of programs) keepers.push(keepUp(program, { clock, log, onChange }));
  using _rotation = keepRotating(
    [SUPERVISOR, ...programs.map(({ name }) => name)].map((name) => logPath(paths, name)),
    log,
  );
  await file.save();
  signals.onRetry(() => keepers.forEach((keeper) => keeper.retry()));

  const ending = await Promise.race([signals.told, lost.promise, ...keepers.map(({ failed }) => failed)]);
  log.info({ ending }, "told to end");
  const [tmux, ...others] = keepers;
  await Promise.all(others.map((keeper) => keeper.end(GRACE_MS)));
  await endTmux(tmux, { ending, paths, clock });
}

/** A server without runs is nothing to come back to. */
async function endTmux(
  tmux: Keeper | undefined,
  { ending, paths, clock }: { readonly ending: Ending; readonly paths: AgentPaths; readonly clock: Clock },
): Promise<void> {
  if (ending === "keep runs" && (await countRuns(paths)) > 0) return tmux?.leave();
  await tmux?.end(GRACE_MS);
  if (ending === "end runs") await endRuns(paths, clock);
}

type Ending = "keep runs" | "end runs";

interface Signals {
  readonly told: Promise<Ending>;
  onRetry(act: () => void): void;
}

function hearSignals(mode: SuiteOptions["mode"]): Signals {
  const told = Promise.withResolvers<Ending>();
  const interrupted = mode === "foreground" ? "end runs" : "keep runs";
  process.on("SIGTERM", () => told.resolve("keep runs"));
  process.on("SIGINT", () => told.resolve(interrupted));
  // A background supervisor has no terminal to lose.
  process.on("SIGHUP", () => {
    if (mode === "foreground") told.resolve("end runs");
  });
  return { told: told.promise, onRetry: (act) => void process.on("SIGUSR2", act) };
}

/** What a supervisor before us knew, dead or not. */
async function lastStatus(paths: AgentPaths): Promise<SupervisorStatus | null> {
  try {
    const text = await readFile(paths.status(SUPERVISOR), "utf8");
    return SupervisorStatus.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

function keepRotating(logs: readonly string[], log: Log): Disposable {
  const timer = setInterval(() => {
    Promise.all(logs.map(rotateLog)).catch((error: unknown) => log.warn({ error }, "cannot shorten the logs"));
  }, ROTATE_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
