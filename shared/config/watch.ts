import type { Clock } from "../clock.ts";
import { InstarError, isInstarError } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";
import { watchFolder } from "../watch.ts";
import { loadConfig } from "./load.ts";
import type { Config } from "./schema.ts";

/** Changes are told by the file system; where it keeps silent, this finds them. */
const LOOK_MS = 30_000;

export interface ConfigWatch {
  readonly clock: Pick<Clock, "after">;
  /** What the caller goes by now; without it, the first look tells what is there. */
  readonly current?: Config | undefined;
  /** A valid config that differs from the last good one. */
  readonly onChange: (config: Config) => void;
  /** Told once for each different fault; the last good config stays in force. */
  readonly onBroken: (error: InstarError) => void;
}

/** Follows config.json and keeps the last good one in force. */
export function watchConfig(
  paths: Pick<AgentPaths, "config" | "instar">,
  { clock, current, onChange, onBroken }: ConfigWatch,
): AsyncDisposable {
  let good = JSON.stringify(current);
  let told: string | null = null;
  let isClosed = false;
  let looking: Promise<void> | null = null;
  let isNews = false;
  let timer: Disposable | null = null;

  const look = async (): Promise<void> => {
    const found = await loadConfig(paths).catch(asBroken);
    if (isClosed) return;
    if (found instanceof InstarError) {
      if (told !== found.message) onBroken(found);
      told = found.message;
      return;
    }
    const isBack = told !== null;
    told = null;
    const text = JSON.stringify(found);
    if (text === good && !isBack) return;
    good = text;
    onChange(found);
  };
  const lookWhileNews = async (): Promise<void> => {
    isNews = false;
    await look();
    if (isNews && !isClosed) await lookWhileNews();
    looking = null;
  };
  const lookAgain = (): void => {
    isNews = true;
    looking ??= lookWhileNews();
  };
  const lookByTime = (): void => {
    timer = clock.after(LOOK_MS, lookByTime);
    lookAgain();
  };
  const watch = watchFolder(paths.instar, { names: ["config.json"], onNews: lookAgain });
  lookByTime();
  return {
    async [Symbol.asyncDispose]() {
      isClosed = true;
      timer?.[Symbol.dispose]();
      watch[Symbol.dispose]();
      await looking;
    },
  };
}

function asBroken(error: unknown): InstarError {
  if (isInstarError(error)) return error;
  throw error;
}
