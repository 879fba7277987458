import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, isoInstant } from "../../shared/clock.ts";
import { systemCode } from "../../shared/errors.ts";
import { exists } from "../../shared/paths.ts";
import { ageMs, isAlive } from "../../shared/proc.ts";
import { type Begun, readWitness, type RunWitness, type StopOrder } from "../../shared/runs.ts";
import type { SkipCause } from "../../shared/protocol.ts";
import { makeFolder, replaceFile, writeTemporary } from "../../shared/store.ts";
import { watchFolder } from "../../shared/watch.ts";
import { askLeftovers, endLeftovers } from "./leftovers.ts";
import { limitOutput } from "./output-limit.ts";
import { nextAct, type RunAct, type RunSight } from "./run-machine.ts";

/** One thing that runs in a pane: a job's work, or its gate. */
export interface Pane {
  readonly runId: string;
  readonly folder: string;
  readonly timeoutMs: number;
  /** Opens the pane; may be called again when nothing began. */
  open(): Promise<void>;
}

/** Where a pane stands after it was driven as far as it goes now. */
export type PaneState =
  | { readonly state: "starting" | "running"; readonly wakeAt: number; readonly witness: RunWitness }
  | { readonly state: "ended"; readonly witness: RunWitness };

/** What this process knows about a pane beyond its files; a restart forgets it, and nothing hangs on it. Monotonic times. */
interface Touch {
  openedMs: number | null;
  openings: number;
  /** When it began, by its process's age at first sight (where there is none, by the wall clock): no clock step moves it. */
  begunMs: number | null;
  termMs: number | null;
  killed: boolean;
  watcher: Disposable | null;
}

/** The files that a wrapper leaves. */
const WITNESSES = ["begun", "exit"];
/** The death of a process makes no file appear: it is looked for. */
const LOOK_MS = 1000;

export interface Panes extends Disposable {
  /** Takes the next acts until there is only waiting left. */
  drive(pane: Pane): Promise<PaneState>;
  /** Whether this process opened the pane. */
  isOpened(folder: string): boolean;
  /** Whether a wrapper took the run, be it for this process or an earlier one. */
  hasBegun(folder: string): Promise<boolean>;
  /** Makes sure that nothing begins there any more, and persists why; false when something has begun. */
  close(folder: string, why: SkipCause): Promise<boolean>;
  /** The same where it cannot be started, for a reason that stays. */
  fail(folder: string, reason: string): Promise<boolean>;
  /** Nobody will look at what was opened there any more: nothing begins, and what has begun ends now. */
  abandon(folder: string, runId: string): Promise<void>;
  /** Persists why a run is to end; the next drive carries it out. False when it was told before. */
  orderStop(folder: string, reason: StopOrder["reason"], detail: string): Promise<boolean>;
  forget(folder: string): void;
}

export function createPanes(deps: {
  readonly clock: Clock;
  readonly agentDir: string;
  /** A pane's run began or ended. */
  readonly onNews: () => void;
}): Panes {
  const { clock, agentDir, onNews } = deps;
  const touched = new Map<string, Touch>();

  const touch = (folder: string): Touch => {
    let entry = touched.get(folder);
    if (!entry) {
      entry = { openedMs: null, openings: 0, begunMs: null, termMs: null, killed: false, watcher: null };
      touched.set(folder, entry);
    }
    return entry;
  };

  const look = async (pane: Pane, entry: Touch): Promise<RunSight> => {
    let witness = await readWitness(pane.folder);
    const isRunning = witness.begun !== null && witness.begun.pid !== 0 && witness.exit === null;
    const alive = isRunning && witness.begun !== null && (await isAlive(witness.begun));
    // Dead, and perhaps its last act was to leave the exit status.
    if (isRunning && !alive) witness = await readWitness(pane.folder);
    const nowMs = clock.monotonicMs();
    if (witness.begun && entry.begunMs === null) {
      const ranMs = alive ? await ageMs(witness.begun) : null;
      entry.begunMs = nowMs - (ranMs ?? Math.max(0, clock.now() - witness.begun.startedAt));
    }
    return {
      ...witness,
      alive,
      runningMs: nowMs - (entry.begunMs ?? nowMs),
      timeoutMs: pane.timeoutMs,
      sinceOpenMs: entry.openedMs === null ? null : nowMs - entry.openedMs,
      openings: entry.openings,
      sinceTermMs: entry.termMs === null ? null : nowMs - entry.termMs,
      killed: entry.killed,
    };
  };

  const perform = async (
    act: Exclude<RunAct, { act: "watch" | "end" }>,
    pane: Pane,
    sight: RunSight,
  ): Promise<void> => {
    const entry = touch(pane.folder);
    switch (act.act) {
      case "open":
        await pane.open();
        entry.openedMs = clock.monotonicMs();
        entry.openings += 1;
        entry.watcher ??= watchFolder(pane.folder, { names: WITNESSES, onNews });
        return;
      case "close":
        await closeFolder(pane.folder);
        return;
      case "order-stop":
        await orderStop(clock, pane.folder, act.reason, act.detail);
        return;
      case "signal":
        await signalRun(pane, sight.begun?.group ?? 0, act.signal);
        if (act.signal === "SIGTERM") entry.termMs = clock.monotonicMs();
        else entry.killed = true;
        return;
    }
  };

  const signalRun = async ({ runId }: Pane, group: number, signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    signalGroup(group, signal);
    if (signal === "SIGTERM") await askLeftovers({ runId, agentDir, group });
    else await endLeftovers(runId, agentDir);
  };

  return {
    async drive(pane) {
      const entry = touch(pane.folder);
      for (;;) {
        const sight = await look(pane, entry);
        const act = nextAct(sight);
        if (act.act === "end") {
          const isCut = sight.exit === null || sight.stop !== null || sight.exit.hangup;
          if (isCut && sight.begun?.pid !== 0) await endLeftovers(pane.runId, agentDir);
          // A wrapper that was killed may not have come to it.
          await rm(join(pane.folder, "env"), { force: true });
          await limitOutput(pane.folder);
          return { state: "ended", witness: sight };
        }
        if (act.act === "watch") {
          if (sight.begun) entry.watcher ??= watchFolder(pane.folder, { names: WITNESSES, onNews });
          await limitOutput(pane.folder);
          const wakeAt = clock.now() + Math.min(act.forMs, LOOK_MS);
          return { state: sight.begun ? "running" : "starting", wakeAt, witness: sight };
        }
        await perform(act, pane, sight);
      }
    },
    isOpened: (folder) => (touched.get(folder)?.openedMs ?? null) !== null,
    hasBegun: async (folder) => (await readWitness(folder)).begun !== null,
    // The folder is made before a pane is opened: without one no wrapper can be on its way.
    close: async (folder, why) => !(await exists(folder)) || (await closeFolder(folder, { closed: why })),
    fail: (folder, reason) => closeFolder(folder, { failure: reason }),
    async abandon(folder, runId) {
      if (!(await exists(folder)) || (await closeFolder(folder))) return;
      const { begun, exit } = await readWitness(folder);
      if (!begun || exit || !(await isAlive(begun))) return;
      signalGroup(begun.group, "SIGKILL");
      await endLeftovers(runId, agentDir);
    },
    orderStop: (folder, reason, detail) => orderStop(clock, folder, reason, detail),
    forget(folder) {
      touched.get(folder)?.watcher?.[Symbol.dispose]();
      touched.delete(folder);
    },
    [Symbol.dispose]() {
      for (const entry of touched.values()) entry.watcher?.[Symbol.dispose]();
    },
  };
}

/** Takes the place of a wrapper, so that one that was started and is late finds the run taken and leaves. */
async function closeFolder(folder: string, why: Pick<Begun, "closed" | "failure"> = {}): Promise<boolean> {
  await makeFolder(folder);
  {
    const nobody = { pid: 0, startTime: "", bootId: "", ...why };
    await using temporary = await writeTemporary(folder, "begun", JSON.stringify(nobody));
    await temporary.linkTo(join(folder, "begun"));
  }
  // A wrapper that was quicker may not have read its environment yet.
  if ((await readWitness(folder)).begun?.pid !== 0) return false;
  await rm(join(folder, "env"), { force: true });
  return true;
}

async function orderStop(clock: Clock, folder: string, reason: StopOrder["reason"], detail: string): Promise<boolean> {
  // The first order counts: what a person reads later is why it ended, not what was wished afterwards.
  if ((await readWitness(folder)).stop !== null) return false;
  await replaceFile(join(folder, "stop.json"), JSON.stringify({ reason, detail, at: isoInstant(clock.now()) }));
  return true;
}

function signalGroup(group: number, signal: "SIGTERM" | "SIGKILL"): void {
  if (group <= 1) return;
  try {
    process.kill(-group, signal);
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}
