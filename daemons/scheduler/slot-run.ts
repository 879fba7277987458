import type { Clock } from "../../shared/clock.ts";
import { type InstarError, isInstarError } from "../../shared/errors.ts";
import type { Job } from "../../shared/jobs.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import type { SkipCause } from "../../shared/protocol.ts";
import {
  gateFolder,
  readLaunch,
  readWitness,
  runFolder,
  type RunKey,
  runIdOf,
  type RunWitness,
  type StopOrder,
} from "../../shared/runs.ts";
import { GATE_TIMEOUT_MS, type Launcher } from "./launch.ts";
import { outcomeOf, type RunEnd } from "./outcome.ts";
import type { Pane, Panes, PaneState } from "./panes.ts";

/** Where a gate stands. `wakeAt`: look again then, or at the panes' news. `trouble`: what holds it up, for people. */
export type GateState =
  | { readonly state: "running"; readonly wakeAt: number; readonly trouble?: string }
  | { readonly state: "passed" }
  | { readonly state: "refused"; readonly cause: SkipCause };

/** Where the work stands. Epoch milliseconds. */
export type WorkState =
  | { readonly state: "starting"; readonly wakeAt: number; readonly trouble?: string }
  | {
      readonly state: "running";
      readonly wakeAt: number;
      readonly pid: number;
      readonly startedAt: number;
      readonly trouble?: string;
    }
  | { readonly state: "skipped"; readonly cause: SkipCause }
  | { readonly state: "over"; readonly end: RunEnd };

/** One attempt at a slot. It remembers nothing that its folder does not tell: made anew after a restart, it goes on. */
export interface SlotRun {
  readonly runId: string;
  readonly folder: string;
  /** Starts the job's gate, or looks at it; passed where there is none. */
  gate(): Promise<GateState>;
  /** Whether its gate was opened or has begun, in this life of the scheduler or an earlier one. */
  isGateUnderWay(): Promise<boolean>;
  /** Starts the work, or looks at it: signals it, limits what it says, and in the end tells how it went. */
  work(): Promise<WorkState>;
  /** Whether the work was opened by this process or has begun: it holds a place then, and is no longer skipped. */
  isUnderWay(): Promise<boolean>;
  /** Makes sure that the work never begins; false when it has. Its gate ends with it. */
  close(cause: SkipCause): Promise<boolean>;
  /** Persists that the work is to end; the next `work()` carries it out. False when it was told before. */
  stop(reason: StopOrder["reason"], detail: string): Promise<boolean>;
  /** Its last word is in the journal. */
  forget(): void;
}

/** What is tried again after this, when something that passes is in the way. */
const TROUBLE_MS = 1000;

/** `job`: null when jobs.json does not hold it any more. What has begun goes on; nothing new begins. */
export function createSlotRun(
  deps: { readonly clock: Clock; readonly paths: AgentPaths; readonly panes: Panes; readonly launcher: Launcher },
  job: Job | null,
  run: RunKey,
): SlotRun {
  const { clock, paths, panes, launcher } = deps;
  const runId = runIdOf(run);
  const folder = runFolder(paths, run);
  const gateAt = gateFolder(folder);
  const troubled = (error: InstarError): { wakeAt: number; trouble: string } => ({
    wakeAt: clock.now() + TROUBLE_MS,
    trouble: error.message,
  });

  /** Drives as far as it goes. What will not pass closes the folder, and is told by it from then on. */
  const drive = async (pane: Pane): Promise<PaneState> => {
    try {
      return await panes.drive(pane);
    } catch (error) {
      if (!isInstarError(error) || isPassing(error)) throw error;
      await panes.fail(pane.folder, whyNot(error));
      return panes.drive(pane);
    }
  };

  return {
    runId,
    folder,
    async gate() {
      const gate = job?.gate;
      if (gate === undefined) return { state: "passed" };
      const open = (): Promise<void> => launcher.openGate(gate, run);
      try {
        const pane = await drive({ runId, folder: gateAt, timeoutMs: GATE_TIMEOUT_MS, open });
        return pane.state === "ended" ? verdictOf(pane.witness) : { state: "running", wakeAt: pane.wakeAt };
      } catch (error) {
        if (!isInstarError(error)) throw error;
        return { state: "running", ...troubled(error) };
      }
    },
    isGateUnderWay: async () => panes.isOpened(gateAt) || panes.hasBegun(gateAt),
    async work() {
      if (!job && !(await panes.hasBegun(folder))) return { state: "skipped", cause: GONE };
      // Prepared by an earlier life: the limit that it was started with counts.
      const timeoutMs = (await readLaunch(folder))?.timeoutMs ?? (job ? launcher.timeoutMs(job) : Infinity);
      const open = async (): Promise<void> => {
        if (job) await launcher.openWork(job, run);
      };
      try {
        const pane = await drive({ runId, folder, timeoutMs, open });
        return pane.state === "ended" ? await endOf(pane.witness) : stateOf(pane.witness, { wakeAt: pane.wakeAt });
      } catch (error) {
        if (!isInstarError(error)) throw error;
        return stateOf(await readWitness(folder), troubled(error));
      }
    },
    isUnderWay: async () => panes.isOpened(folder) || panes.hasBegun(folder),
    async close(cause) {
      if (!(await panes.close(folder, cause))) return false;
      await panes.abandon(gateAt, runId);
      return true;
    },
    stop: (reason, detail) => panes.orderStop(folder, reason, detail),
    forget() {
      panes.forget(gateAt);
      panes.forget(folder);
    },
  };

  async function endOf(witness: RunWitness): Promise<WorkState> {
    const cause = witness.begun?.closed;
    if (cause) return { state: "skipped", cause };
    return { state: "over", end: await outcomeOf(folder, witness, clock.now()) };
  }
}

const GONE: SkipCause = { reason: "invalid", detail: "jobs.json does not hold the job any more" };

/** No room, no tmux server: it may come right by itself. */
function isPassing(error: InstarError): boolean {
  return error.code === "UNAVAILABLE" || error.code === "STORE_FULL";
}

function whyNot(error: InstarError): string {
  return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
}

function stateOf({ begun }: RunWitness, more: { wakeAt: number; trouble?: string }): WorkState {
  if (!begun) return { state: "starting", ...more };
  return { state: "running", pid: begun.pid, startedAt: begun.startedAt, ...more };
}

function verdictOf({ begun, exit, stop }: RunWitness): GateState {
  if (exit?.code === 0 && !stop) return { state: "passed" };
  if (begun?.closed) return { state: "refused", cause: begun.closed };
  return { state: "refused", cause: { reason: "gate", detail: gateFault({ begun, exit, stop }) } };
}

function gateFault({ begun, exit, stop }: RunWitness): string {
  if (stop) return `no answer within ${GATE_TIMEOUT_MS / 1000} s`;
  if (exit) return exit.hangup ? "its tmux pane went away" : `exit status ${exit.code}`;
  return begun?.failure ?? (begun?.pid === 0 ? "nothing began in its pane" : "it was killed");
}
