import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLauncher } from "../../daemons/scheduler/launch.ts";
import type { RunEnd } from "../../daemons/scheduler/outcome.ts";
import { createPanes, type Panes } from "../../daemons/scheduler/panes.ts";
import { createSlotRun, type GateState, type SlotRun, type WorkState } from "../../daemons/scheduler/slot-run.ts";
import { createTmux } from "../../daemons/scheduler/tmux.ts";
import { systemClock } from "../../shared/clock.ts";
import { loadConfig } from "../../shared/config.ts";
import { Job } from "../../shared/jobs.ts";
import { tempAgent, type TempAgent, type TempAgentOptions } from "./temp-agent.ts";
import { startTmux, type TestTmux } from "./tmux.ts";
import { until } from "./until.ts";

/** What a scheduler has around its runs, without the scheduler. */
export interface RunsHouse extends AsyncDisposable {
  readonly agent: TempAgent;
  readonly tmux: TestTmux | null;
  /** A run of a job with these fields; each is another slot. */
  run(fields: Partial<Job>, key?: { slot?: string; isNewLife?: boolean; isGone?: boolean }): SlotRun;
  script(value: string, more?: Partial<Job>): SlotRun;
  /** Lets time pass for the machine of runs, without waiting. */
  skip(ms: number): void;
}

export const SLOT = "2026-01-01T00:00:00.000Z";
/** What the first run is for that names no slot. */
export const AFTER_SLOT = "2026-01-01T00:00:00.001Z";

/** What a scheduler has around its runs, with the real tmux. */
export async function runsHouse({
  hasTmux = true,
  ...options
}: TempAgentOptions & { hasTmux?: boolean } = {}): Promise<RunsHouse> {
  const agent = await tempAgent(options);
  const tmux = hasTmux ? await startTmux(agent) : null;
  const config = await loadConfig(agent.paths);
  let skippedMs = 0;
  let slots = 1;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + skippedMs };
  const launcher = createLauncher({
    paths: agent.paths,
    config: () => config,
    tmux: createTmux(agent.paths, () => config.sessions.tmuxPath),
  });
  const live = (): Panes => createPanes({ clock, agentDir: agent.dir, onNews: () => undefined });
  let panes = live();
  const run: RunsHouse["run"] = (fields, { slot, isNewLife, isGone } = {}) => {
    if (isNewLife) {
      panes[Symbol.dispose]();
      panes = live();
    }
    const job = Job.parse({ slug: "job", name: "job", schedule: "@hourly", ...fields });
    const key = { slug: "job", slot: slot ?? new Date(Date.parse(SLOT) + slots++).toISOString(), attempt: 1 };
    return createSlotRun({ clock, paths: agent.paths, panes, launcher }, isGone ? null : job, key);
  };
  return {
    agent,
    tmux,
    run,
    script: (value, more = {}) => run({ execute: { type: "script", value }, ...more }),
    skip: (ms) => void (skippedMs += ms),
    async [Symbol.asyncDispose]() {
      panes[Symbol.dispose]();
      await agent[Symbol.asyncDispose]();
    },
  };
}

/** Looks at a run until it is over. */
export async function endOf(run: SlotRun): Promise<RunEnd> {
  return until(async () => {
    const state = await run.work();
    return state.state === "over" && state.end;
  });
}

/** Looks at a run until it runs. */
export async function running(run: SlotRun): Promise<WorkState & { state: "running" }> {
  return until(async () => {
    const state = await run.work();
    return state.state === "running" && state;
  });
}

/** Looks at a gate until it has decided. */
export async function verdict(run: SlotRun): Promise<GateState> {
  return until(async () => {
    const state = await run.gate();
    return state.state !== "running" && state;
  });
}

export const outputOf = (run: SlotRun): Promise<string> => readFile(join(run.folder, "output"), "utf8");
export const file = (house: RunsHouse, name: string): string => join(house.agent.dir, name);
