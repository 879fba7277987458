/**
 * What is kept for how long: slot journals 13 months, runs 30 days and the last 500 of each job. Event files and spools
 * are swept by those who write them. What an open slot still needs is never taken.
 *
 *     const { isDone } = await sweep({ paths, clock, log, ledgers });   // some hours apart; at once again until done
 */
import { rm, rmdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import { systemCode } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import { type AgentPaths, namesIn } from "../../shared/paths.ts";
import { Slug } from "../../shared/protocol.ts";
import { parseRunId, type RunKey, runsFolder } from "../../shared/runs.ts";
import { monthFiles, monthOf, slotFolder } from "../../shared/slots.ts";
import { writeError } from "../../shared/store.ts";
import type { Ledgers } from "./ledgers.ts";

export interface RetentionDeps {
  readonly paths: AgentPaths;
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "info">;
  readonly ledgers: Pick<Ledgers, "slugs" | "of" | "forget">;
}

export interface Swept {
  /** Files and folders that were taken away. */
  readonly removed: number;
  /** Nothing is left to be taken away now. */
  readonly isDone: boolean;
}

const DAY_MS = 86_400_000;
const JOURNAL_MONTHS = 13;
const RUN_DAYS = 30;
const RUNS_A_JOB = 500;
/** So that a round never takes long, whatever has gathered. */
export const MAX_REMOVALS = 200;

/** Takes away what need not be kept, at most `MAX_REMOVALS` at once. UNAVAILABLE: the disk refuses. */
export async function sweep(deps: RetentionDeps): Promise<Swept> {
  let removed = 0;
  let isDone = true;
  try {
    for await (const remove of leavings(deps)) {
      isDone = removed < MAX_REMOVALS;
      if (!isDone) break;
      await remove();
      removed += 1;
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw writeError(error, deps.paths.state("scheduler"));
  }
  if (removed > 0) deps.log.info({ removed }, "took old runs and journals away");
  return { removed, isDone };
}

type Remove = () => Promise<void>;

async function* leavings(deps: RetentionDeps): AsyncGenerator<Remove> {
  for (const slug of await namesIn(runsFolder(deps.paths)))
    if (Slug.safeParse(slug).success) yield* oldRuns(deps, slug);
  for (const slug of deps.ledgers.slugs()) yield* oldJournals(deps, slug);
}

async function* oldRuns({ paths, clock, ledgers }: RetentionDeps, slug: string): AsyncGenerator<Remove> {
  const folder = runsFolder(paths, slug);
  const runs = (await namesIn(folder))
    .flatMap((name): { name: string; key: RunKey }[] => {
      const key = parseRunId(`${slug}@${name}`);
      return key ? [{ name, key }] : [];
    })
    .sort((a, b) => (a.key.slot === b.key.slot ? b.key.attempt - a.key.attempt : a.key.slot < b.key.slot ? 1 : -1));
  const oldestMs = clock.now() - RUN_DAYS * DAY_MS;
  for (const [index, { name, key }] of runs.entries()) {
    const isOld = index >= RUNS_A_JOB || Date.parse(key.slot) < oldestMs;
    if (isOld && !ledgers.of(slug).open.has(key.slot))
      yield () => rm(join(folder, name), { recursive: true, force: true });
  }
}

async function* oldJournals({ paths, clock, ledgers }: RetentionDeps, slug: string): AsyncGenerator<Remove> {
  const oldest = monthOf(monthsBefore(clock.now(), JOURNAL_MONTHS));
  const names = await monthFiles(paths, slug);
  // The newest says how far the job was considered; only of a removed job nobody asks that any more.
  const isRemoved = ledgers.of(slug).standing === "removed" && ledgers.of(slug).open.size === 0;
  for (const name of isRemoved ? names : names.slice(0, -1)) {
    if ((await lastMonthOf(join(slotFolder(paths, slug), name), name, clock.now())) >= oldest) continue;
    yield async () => {
      await unlink(join(slotFolder(paths, slug), name));
      if (name !== names.at(-1)) return;
      await rmdir(slotFolder(paths, slug));
      ledgers.forget(slug);
    };
  }
}

/** A clock that was wrong may have given a file a name to come. */
async function lastMonthOf(path: string, name: string, nowMs: number): Promise<string> {
  return name > monthOf(nowMs) ? monthOf((await stat(path)).mtimeMs) : name;
}

function monthsBefore(nowMs: number, months: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months);
}
