import { type Clock, isoInstant } from "../../shared/clock.ts";
import type { Job } from "../../shared/jobs.ts";
import type { SkipCause } from "../../shared/protocol.ts";
import { readLaunch, type RunKey } from "../../shared/runs.ts";
import type { FinishedRecord, SlotRecord } from "../../shared/slots.ts";
import type { Ledgers } from "./ledgers.ts";
import type { LiveSlot } from "./live-slot.ts";
import type { RunEnd } from "./outcome.ts";
import type { SlotRun, WorkState } from "./slot-run.ts";
import type { Step } from "./standing.ts";

export interface ActsDeps {
  readonly clock: Clock;
  readonly ledgers: Pick<Ledgers, "append">;
  /** `job`: as jobs.json has it now; null when it does not. */
  readonly slotRun: (job: Job | null, run: RunKey) => SlotRun;
  readonly onBegin: (run: RunKey, begun: { readonly pid: number; readonly startedAt: number }) => void;
}

/** A step that is to be taken, with the job as it is now. */
export interface Order {
  readonly live: LiveSlot;
  readonly job: Job | null;
  /** Whether its job may run: then failures are tried again. */
  readonly isRunnable: boolean;
}

export interface Acts {
  /** Finds out where a slot stands that this process sees for the first time. */
  see(order: Order): Promise<void>;
  take(step: Exclude<Step, { step: "wait" }>, order: Order): Promise<void>;
}

const MAX_BACKOFF_MS = 86_400_000;
/** A wake instant is soon; a wall clock that was stepped meanwhile says otherwise. */
const MAX_WAKE_MS = 10_000;

export function createActs({ clock, ledgers, slotRun, onBegin }: ActsDeps): Acts {
  const append = (slug: string, record: SlotRecord): Promise<void> => ledgers.append(slug, [record]);
  const now = (): string => isoInstant(clock.now());

  const wakeAt = (live: LiveSlot, wallMs: number): void => {
    live.wakeMs = clock.monotonicMs() + Math.min(Math.max(0, wallMs - clock.now()), MAX_WAKE_MS);
  };

  const refuse = async ({ live, job }: Order, cause: SkipCause): Promise<void> => {
    const { run, open, phase } = live;
    const slotsRun = slotRun(job, run);
    if (phase !== "retrying" && !(await slotsRun.close(cause))) {
      live.phase = "started";
      return;
    }
    await append(run.slug, lastWord(open, cause, now()));
    slotsRun.forget();
  };

  const finish = async ({ live, job, isRunnable }: Order, end: RunEnd): Promise<void> => {
    const { slug, slot, attempt } = live.run;
    const backoffMs = job && isRunnable ? retryAfterMs(job, end, attempt) : null;
    const endMs = clock.now();
    const retry = backoffMs === null ? {} : { retryAt: isoInstant(endMs + backoffMs) };
    await append(slug, { v: 1, type: "finished", at: isoInstant(endMs), slot, attempt, ...end, ...retry });
    slotRun(job, live.run).forget();
  };

  const work = async (order: Order, slotsRun: SlotRun): Promise<void> => {
    const { live } = order;
    live.phase = "started";
    const state: WorkState = await slotsRun.work();
    live.trouble = "trouble" in state ? (state.trouble ?? null) : null;
    switch (state.state) {
      case "starting":
        return wakeAt(live, state.wakeAt);
      case "running":
        if (!live.isBeginTold) onBegin(live.run, state);
        live.isBeginTold = true;
        return wakeAt(live, state.wakeAt);
      case "skipped":
        return refuse(order, state.cause);
      case "over":
        return finish(order, state.end);
    }
  };

  return {
    async see({ live, job }) {
      const slotsRun = slotRun(job, live.run);
      // Prepared by an earlier life, which had admitted it: its wrapper may be on its way.
      const isAdmitted = job !== null && (await readLaunch(slotsRun.folder)) !== null;
      if (live.phase === "waiting" && (isAdmitted || (await slotsRun.isUnderWay()))) live.phase = "started";
      if (live.phase === "waiting") live.gate = (await slotsRun.isGateUnderWay()) ? "running" : "needed";
      live.isSeen = true;
    },
    async take(step, order) {
      const { live, job } = order;
      const slotsRun = slotRun(job, live.run);
      switch (step.step) {
        case "claim-retry": {
          const { slug, slot, attempt } = live.run;
          const next = { slot, attempt: attempt + 1, trigger: "retry" } as const;
          return append(slug, { v: 1, type: "claimed", at: now(), ...next });
        }
        case "refuse":
          return refuse(order, step.cause);
        case "gate": {
          live.gate = "running";
          const gate = await slotsRun.gate();
          live.trouble = "trouble" in gate ? (gate.trouble ?? null) : null;
          if (gate.state === "running") return wakeAt(live, gate.wakeAt);
          live.gate = gate.state === "passed" ? "passed" : gate.cause;
          live.wakeMs = 0;
          return;
        }
        case "make-way":
          live.hasToMakeWay = true;
          await slotsRun.stop("overlap", "a later slot of the job took its place");
          return work(order, slotsRun);
        case "work":
          return work(order, slotsRun);
      }
    },
  };
}

/** A slot that never ran is skipped; one that failed keeps its outcome, and is not tried again. */
export function lastWord({ slot, attempt, failed }: LiveSlot["open"], cause: SkipCause, at: string): SlotRecord {
  if (!failed) return { v: 1, type: "skipped", at, slot, attempt, ...cause };
  const { retryAt: _, ...record } = failed;
  return { ...record, at, retrySkipped: cause.reason } satisfies FinishedRecord;
}

/** Null: it is not tried again. Killed and lost ones are not: nobody knows what they did. */
export function retryAfterMs(
  job: Pick<Job, "retries">,
  { outcome }: Pick<RunEnd, "outcome">,
  attempt: number,
): number | null {
  const { max, backoffSeconds } = job.retries;
  if ((outcome !== "failure" && outcome !== "timeout") || attempt > max) return null;
  return Math.min(MAX_BACKOFF_MS, backoffSeconds * 1000 * 2 ** (attempt - 1));
}
