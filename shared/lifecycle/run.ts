import { parseArgs } from "node:util";
import { type Clock, systemClock } from "../clock.ts";
import { type Config, loadConfig, watchConfig } from "../config.ts";
import { CATALOGUE, EXIT, InstarError, isInstarError } from "../errors.ts";
import type { Log } from "../log.ts";
import { agentPaths, type AgentPaths, findAgent, makePrivate } from "../paths.ts";
import type { DaemonName } from "../protocol.ts";
import { keepHealing } from "./healing.ts";
import { openOwnStatus, type OwnStatus } from "./own-status.ts";
import { takePlace } from "./place.ts";
import type { DaemonStatus } from "./status.ts";

/** What a daemon is given for its life. */
export interface Life {
  readonly paths: AgentPaths;
  readonly clock: Clock;
  readonly log: Log;
  /** The last good config.json. */
  readonly config: () => Config;
  /** Calls `act` with every later good config that differs. */
  readonly onConfig: (act: (config: Config) => void) => Disposable;
  readonly release: string;
  /** Resolves when the daemon has been told to end. */
  readonly stopped: Promise<void>;
  /** Aborted at the same time. */
  readonly signal: AbortSignal;
  /** Says that everything promised at start is there. */
  readonly ready: () => void;
  /** What it is busy with, in a line; null: nothing worth a word. */
  readonly setDetail: (text: string | null) => void;
  /** What is not as it should be with one concern, in a line; null: it is well. */
  readonly setConcern: (name: string, text: string | null) => void;
  readonly status: () => DaemonStatus;
}

/** A daemon that is told to end has this long. */
const DRAIN_MS = 5_000;

/**
 * Makes this process the daemon `name` of an agent (`--dir`, else INSTAR_DIR, else this folder or the nearest above): takes
 * its place, reads its config, keeps its status file, hears signals, and ends the process with the code of EXIT that fits.
 */
export async function runDaemon(name: DaemonName, setup: (life: Life) => Promise<void>): Promise<never> {
  // For daemons alone: commands that read a status come through the same door, and are quick.
  const { createLog } = await import("../log.ts");
  const log = createLog({ name });
  const stop = new AbortController();
  const end = (error: unknown): never => {
    if (!isInstarError(error)) {
      log.error({ error }, "ended by a fault of its own");
      return process.exit(EXIT.failure);
    }
    log.error({ error }, "cannot go on");
    return process.exit(CATALOGUE[error.code].exit);
  };
  process.on("uncaughtException", end);
  try {
    const paths = agentPaths(await agentDir());
    // The folder is looked at before the link in it is made: a wrong owner must not get our sockets.
    for (const warning of await makePrivate(paths)) log.warn(warning);
    const place = await takePlace(paths, name);
    const status = await openOwnStatus(paths, name, (error) => log.warn({ error }, "cannot write the status file"));
    await using _held = keepHealing({ paths, name, place, heal: () => status.heal(), log, onLost: end });
    const config = await loadConfig(paths);
    hearSignals(stop, log);
    const life = createLife({ paths, log, status, config, signal: stop.signal });
    await using _config = life.watch();
    await setup(life);
  } catch (error) {
    end(error);
  }
  return process.exit(EXIT.ok);
}

/** The agent that this program was started for: `--dir`, else INSTAR_DIR, else the nearest above. NO_AGENT, REQUEST_INVALID. */
export async function agentDir(): Promise<string> {
  const given = givenDir() ?? process.env["INSTAR_DIR"];
  const dir = await findAgent(given ?? process.cwd());
  if (dir === null) {
    const hint = "make one: instar init";
    throw new InstarError("NO_AGENT", `there is no agent in ${given ?? process.cwd()}`, { hint });
  }
  return dir;
}

function givenDir(): string | undefined {
  try {
    return parseArgs({ options: { dir: { type: "string" } } }).values.dir;
  } catch (cause) {
    throw new InstarError("REQUEST_INVALID", "the only argument is --dir <agent folder>", { cause });
  }
}

function hearSignals(stop: AbortController, log: Log): void {
  const told = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) return;
    log.info({ signal }, "told to end");
    stop.abort();
    setTimeout(() => {
      log.warn(`did not end within ${DRAIN_MS / 1000} s`);
      process.exit(EXIT.failure);
    }, DRAIN_MS).unref();
  };
  process.on("SIGTERM", told);
  process.on("SIGINT", told);
}

interface LifeParts {
  readonly paths: AgentPaths;
  readonly log: Log;
  readonly status: OwnStatus;
  readonly config: Config;
  readonly signal: AbortSignal;
}

function createLife(parts: LifeParts): Life & { watch(): AsyncDisposable } {
  const { paths, log, status, signal } = parts;
  let { config } = parts;
  const listeners = new Set<(config: Config) => void>();
  const setConcern = (name: string, text: string | null): void => {
    const { [name]: _old, ...concerns } = status.current().concerns;
    status.change({ concerns: text === null ? concerns : { ...concerns, [name]: text } });
  };
  return {
    paths,
    clock: systemClock,
    log,
    config: () => config,
    onConfig(act) {
      listeners.add(act);
      return { [Symbol.dispose]: () => void listeners.delete(act) };
    },
    release: status.current().release,
    stopped: new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
    signal,
    ready() {
      status.change({ state: "up" });
      log.info("up");
    },
    setDetail: (text) => status.change({ detail: text ?? undefined }),
    setConcern,
    status: () => status.current(),
    watch: () =>
      watchConfig(paths, {
        clock: systemClock,
        current: config,
        onChange(changed) {
          config = changed;
          setConcern("config", null);
          log.info("config.json changed");
          for (const act of listeners) act(changed);
        },
        onBroken(error) {
          setConcern("config", error.message);
          log.error({ error }, "config.json is broken; the last good one stays in force");
        },
      }),
  };
}
