import { CATALOGUE, EXIT, type InstarError, isInstarError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type AgentPaths, ensureRun } from "../paths.ts";
import { type Place, takePlace } from "./place.ts";

/** How often what others may have removed is looked after. */
const HEAL_MS = 5_000;
/** Another holds the place now, or the folder is no agent any more. */
const FINAL: ReadonlySet<number> = new Set([EXIT.taken, EXIT.config]);

export interface Healing {
  readonly paths: AgentPaths;
  readonly name: string;
  readonly place: Place;
  /** Makes good what else may be gone. */
  readonly heal: () => Promise<void>;
  readonly log: Log;
  /** What can be had no more; the program must not go on. */
  readonly onLost: (error: InstarError) => void;
}

/** Looks after the run folder and the lock in it: cleaners of temporary folders remove what is in use. Holds the place. */
export function keepHealing({ paths, name, place, heal, log, onLost }: Healing): AsyncDisposable {
  let held = place;
  const look = async (): Promise<void> => {
    await ensureRun(paths);
    if (!(await held.holds())) {
      await held[Symbol.asyncDispose]();
      held = await takePlace(paths, name);
      log.warn("the lock of this place was removed; taken again");
    }
    await heal();
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      if (isInstarError(error) && FINAL.has(CATALOGUE[error.code].exit)) onLost(error);
      else log.warn({ error }, "cannot look after the run folder");
    });
  }, HEAL_MS);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await held[Symbol.asyncDispose]();
    },
  };
}
