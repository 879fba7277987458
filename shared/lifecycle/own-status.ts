import { isoInstant } from "../clock.ts";
import { InstarError } from "../errors.ts";
import { type AgentPaths, exists } from "../paths.ts";
import { identify } from "../proc.ts";
import { writeSnapshot } from "../store.ts";
import { release } from "./release.ts";
import type { DaemonStatus } from "./status.ts";

/** The status file of this process. Changes that come at once are one write; `onError` hears of a failed one. */
export interface OwnStatus {
  current(): DaemonStatus;
  change(fields: Partial<Pick<DaemonStatus, "state" | "concerns">> & { readonly detail?: string | undefined }): void;
  /** Writes the file again if it is gone. */
  heal(): Promise<void>;
}

export async function openOwnStatus(
  paths: AgentPaths,
  name: string,
  onError: (error: unknown) => void,
): Promise<OwnStatus> {
  const [self, version] = await Promise.all([identify(process.pid), release()]);
  if (!self) throw new InstarError("UNAVAILABLE", "cannot read this process's own start time");
  let status: DaemonStatus = {
    version: 1,
    name,
    ...self,
    since: isoInstant(Date.now()),
    state: "starting",
    release: version,
    concerns: {},
  };
  let writing: Promise<void> | null = null;
  let isStale = false;

  const write = async (): Promise<void> => {
    while (isStale) {
      isStale = false;
      await writeSnapshot(paths.status(name), status).catch(onError);
    }
    writing = null;
  };
  const save = (): Promise<void> => {
    isStale = true;
    writing ??= write();
    return writing;
  };
  await save();
  return {
    current: () => status,
    change(fields) {
      const next = { ...status, ...fields };
      // Without the key, not with an undefined one: it would differ from what is read back.
      if (next.detail === undefined) delete next.detail;
      if (JSON.stringify(next) === JSON.stringify(status)) return;
      status = next;
      void save();
    },
    async heal() {
      if (!(await exists(paths.status(name)))) await save();
    },
  };
}
