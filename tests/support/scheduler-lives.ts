import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "vitest";
import { loadLedger, type SlotRecord } from "../../shared/slots.ts";
import { explain, type ExplainedJob, type Explanation } from "./explain.ts";
import type { Started, TempAgent } from "./temp-agent.ts";
import { until } from "./until.ts";

/** Whether the long proofs run: every step, every seed. */
export const PROVE = process.env["INSTAR_PROVE"] === "1";

/** A scheduler into which a program of tests/support is loaded before anything else. */
export function startMeddled(
  agent: TempAgent,
  preload: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const url = pathToFileURL(join(import.meta.dirname, preload)).href;
  return agent.start("scheduler", { env: { NODE_OPTIONS: `--import=${url}`, ...env } });
}

/** The records of a job, oldest first. */
export async function recordsOf(agent: TempAgent, slug: string): Promise<readonly SlotRecord[]> {
  return (await loadLedger(agent.paths, slug, { recentMin: 100_000 })).recent;
}

/** The records of one type. */
export async function ofType<T extends SlotRecord["type"]>(
  agent: TempAgent,
  slug: string,
  type: T,
): Promise<readonly Extract<SlotRecord, { type: T }>[]> {
  return (await recordsOf(agent, slug)).filter((record) => record.type === type) as Extract<SlotRecord, { type: T }>[];
}

/** Waits until a job's records are as wished, and returns them. */
export function seenUntil(
  agent: TempAgent,
  slug: string,
  isSeen: (records: readonly SlotRecord[]) => boolean,
): Promise<readonly SlotRecord[]> {
  return until(async () => {
    const records = await recordsOf(agent, slug);
    return isSeen(records) ? records : null;
  });
}

/** Whether every claimed slot of a job has its last word. */
export async function isOver(agent: TempAgent, slug: string): Promise<boolean> {
  return (await loadLedger(agent.paths, slug)).ledger.open.size === 0;
}

/**
 * Waits until nothing of these jobs is open (`end` makes that so), ends the scheduler, and accounts for every instant of
 * each: no problem may be found, and nothing open.
 */
export async function settleAndExplain(
  agent: TempAgent,
  jobs: readonly ExplainedJob[],
  scheduler: Started,
): Promise<Record<string, Explanation>> {
  // Before it is up it may not have told yet what an earlier life left untold.
  await scheduler.ready;
  await until(async () => (await Promise.all(jobs.map(({ slug }) => isOver(agent, slug)))).every(Boolean));
  await scheduler.stop();
  const found: Record<string, Explanation> = {};
  for (const job of jobs) {
    const explanation = await explain(agent.paths, job);
    found[job.slug] = explanation;
    expect([job.slug, explanation.problems, explanation.open]).toEqual([job.slug, [], []]);
  }
  return found;
}

/** Waits until a living scheduler has accounted for every instant of a job. */
export async function accounted(agent: TempAgent, job: ExplainedJob): Promise<void> {
  await until(
    async () => {
      const { problems } = await explain(agent.paths, job);
      if (problems.length > 0) throw new Error(problems.join("\n"));
      return true;
    },
    { timeoutMs: 20_000 },
  );
}

/** The seed of a random proof: INSTAR_SEED repeats one; it is told, so that a failure can be repeated. */
export function chooseSeed(fallback: number): number {
  const seed = Number(process.env["INSTAR_SEED"] ?? (PROVE ? Date.now() % 1_000_000 : fallback));
  process.stderr.write(`seed ${seed}\n`);
  return seed;
}
