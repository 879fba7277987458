import { isoInstant } from "../clock.ts";
import { InstarError } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";
import { identify, type ProcessIdentity } from "../proc.ts";
import { release } from "./release.ts";
import { type KeptSnapshot, keepSnapshot } from "./snapshot.ts";
import type { DaemonStatus } from "./status.ts";

/** The status file of this process. */
export interface OwnStatus extends Pick<KeptSnapshot, "heal"> {
  current(): DaemonStatus;
  change(fields: Partial<Pick<DaemonStatus, "state" | "concerns">> & { readonly detail?: string | undefined }): void;
}

export async function openOwnStatus(
  paths: AgentPaths,
  name: string,
  onError: (error: unknown) => void,
): Promise<OwnStatus> {
  let status: DaemonStatus = {
    version: 1,
    name,
    ...(await identifySelf()),
    since: isoInstant(Date.now()),
    state: "starting",
    release: await release(),
    concerns: {},
  };
  const file = keepSnapshot(paths.status(name), () => status, onError);
  await file.save();
  return {
    current: () => status,
    change(fields) {
      const next = { ...status, ...fields };
      // Without the key, not with an undefined one: it would differ from what is read back.
      if (next.detail === undefined) delete next.detail;
      if (JSON.stringify(next) === JSON.stringify(status)) return;
      status = next;
      void file.save();
    },
    heal: () => file.heal(),
  };
}

/** This very process. */
export async function identifySelf(): Promise<ProcessIdentity> {
  const self = await identify(process.pid);
  if (!self) throw new InstarError("UNAVAILABLE", "cannot read this process's own start time");
  return self;
}
