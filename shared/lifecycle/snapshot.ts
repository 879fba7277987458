import { exists } from "../paths.ts";
import { writeSnapshot } from "../store.ts";

/** A file that shows what a process is at; `save` after every change. Changes that come at once are one write. */
export interface KeptSnapshot {
  save(): Promise<void>;
  /** Writes the file again if it is gone. */
  heal(): Promise<void>;
}

/** `onError` hears of a write that failed; the next one may do better. */
export function keepSnapshot(path: string, current: () => unknown, onError: (error: unknown) => void): KeptSnapshot {
  let writing: Promise<void> | null = null;
  let isStale = false;
  const write = async (): Promise<void> => {
    while (isStale) {
      isStale = false;
      await writeSnapshot(path, current()).catch(onError);
    }
    writing = null;
  };
  const save = (): Promise<void> => {
    isStale = true;
    writing ??= write();
    return writing;
  };
  return {
    save,
    async heal() {
      if (!(await exists(path))) await save();
    },
  };
}
