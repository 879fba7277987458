import { join } from "node:path";
import { type Clock, isoInstant } from "../../shared/clock.ts";
import { InstarError } from "../../shared/errors.ts";
import type { QueuedSlot } from "../../shared/job-views.ts";
import { noSuchJob } from "../../shared/jobs.ts";
import type { Log } from "../../shared/log.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import type { TriggerAnswer } from "../../shared/protocol.ts";
import { parseSchedule } from "../../shared/schedule.ts";
import { type ClaimedRecord, readRecordsBackwards, type SlotRecord } from "../../shared/slots.ts";
import { openWishes, type Wish } from "../../shared/triggers.ts";
import { watchFolder } from "../../shared/watch.ts";
import type { Book } from "./job-book.ts";
import type { Ledgers } from "./ledgers.ts";

export interface TriggersDeps {
  readonly paths: AgentPaths;
  readonly clock: Pick<Clock, "now" | "monotonicMs" | "after">;
  readonly log: Pick<Log, "warn">;
  readonly ledgers: Pick<Ledgers, "of" | "append">;
  /** Null: jobs.json could never be read. Then wishes wait. */
  readonly book: () => Book | null;
  /** Reads jobs.json now: whoever wishes may have added the job a moment ago. CONFIG_INVALID. */
  readonly readBook: () => Promise<Book>;
  /** The zone of schedules that name none. */
  readonly timezone: () => string;
  /** What is open, as the conductor sees it. */
  readonly queue: () => readonly QueuedSlot[];
  /** There may be a new wish: go round. */
  readonly look: () => void;
}

/** Wishes that a job be run now: files in spool/triggers, each of which gets a slot of its own, once. */
export interface Triggers extends Disposable {
  /**
   * Gives a slot to every wish that has none; to be called at the beginning of a round, before slots are claimed.
   * CONFIG_INVALID, STORE_FULL: what was not taken up waits for the next round.
   */
  takeUp(): Promise<void>;
  /** Answers `job.trigger`: what became of the wish, as soon as that shows. JOB_NOT_FOUND. */
  answer(wish: { readonly slug: string; readonly id: string }): Promise<TriggerAnswer>;
  /** Hears every record that is written. */
  hearRecord(slug: string, record: SlotRecord): void;
  /** Something was decided: to be called at the end of a round and of a step. */
  hearNews(): void;
}

/** For how long an answer waits for the wish to begin; the asker waits a little longer. */
const ANSWER_MS = 1500;
/** As long as spools keep what is done. */
const KEEP_MS = 48 * 3_600_000;
const SWEEP_EVERY_MS = 3_600_000;
/** Between a claim and the end of its wish no more is written than this, whenever we are killed. */
const MAX_RECORDS_BACK = 1000;
/** Wishes whose fate is remembered for those who ask. */
const MAX_FATES = 1000;

/** What is known about a wish in this life. */
interface Fate {
  readonly slug: string;
  readonly slot: string;
  /** The last word about its slot. */
  word?: SlotRecord;
}

export function openTriggers(deps: TriggersDeps): Triggers {
  const { paths, clock, ledgers, look } = deps;
  const wishes = openWishes(paths);
  const fates = new Map<string, Fate | InstarError>();
  const waiting = new Set<() => void>();
  let sweptAtMs: number | null = null;
  const watcher = watchFolder(join(paths.spool("triggers"), "new"), { onNews: look });

  const remember = (id: string, fate: Fate | InstarError): void => {
    fates.set(id, fate);
    const [oldest] = fates.keys();
    if (fates.size > MAX_FATES && oldest !== undefined) fates.delete(oldest);
  };
  const hearNews = (): void => {
    for (const settle of waiting) settle();
  };
  const grant = async (id: string, wish: Wish): Promise<void> => {
    const job = deps.book()?.jobs.get(wish.slug) ?? (await deps.readBook()).jobs.get(wish.slug);
    if (!job) {
      remember(id, noSuchJob(wish.slug, [...(deps.book()?.jobs.keys() ?? [])]));
      deps.log.warn({ slug: wish.slug, id }, "a wish to run a job that there is none of was set aside");
      return wishes.dead(id, `there is no job "${wish.slug}" that could run`);
    }
    const { claimed, used } = await slotsOf(paths, wish.slug, id);
    const schedule = parseSchedule(job.schedule, job.timezone ?? deps.timezone());
    const slot = claimed ?? freeInstant(wish.at, (at) => used.has(isoInstant(at)) || schedule.next(at - 1) === at);
    if (claimed === null) {
      const at = isoInstant(clock.now());
      const claim: ClaimedRecord = { v: 1, type: "claimed", at, slot, attempt: 1, trigger: "manual", id };
      await ledgers.append(wish.slug, [claim]);
    }
    remember(id, { slug: wish.slug, slot });
    await wishes.done(id);
  };

  return {
    async takeUp() {
      if (!deps.book()) return;
      for (const id of await wishes.list()) {
        const wish = await wishes.take(id);
        if (wish) await grant(id, wish);
      }
      hearNews();
      const nowMs = clock.monotonicMs();
      if (sweptAtMs !== null && nowMs - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = nowMs;
      await wishes.sweep({ olderThanMs: KEEP_MS });
    },
    answer: ({ slug, id }) =>
      new Promise((resolve, reject) => {
        const seen = (isLate: boolean): boolean => {
          const fate = fates.get(id);
          if (fate instanceof InstarError) reject(fate);
          else {
            const told = answerOf(fate, deps.queue(), isLate);
            if (told === null) return false;
            resolve({ slug, slot: fate?.slot ?? isoInstant(clock.now()), ...told });
          }
          waiting.delete(settle);
          late[Symbol.dispose]();
          return true;
        };
        const settle = (): void => void seen(false);
        const late = clock.after(ANSWER_MS, () => seen(true));
        if (seen(false)) return;
        waiting.add(settle);
        look();
      }),
    hearRecord(slug, record) {
      if (record.type !== "skipped" && record.type !== "finished") return;
      for (const fate of fates.values()) {
        if (!(fate instanceof InstarError) && fate.slug === slug && fate.slot === record.slot) fate.word = record;
      }
      hearNews();
    },
    hearNews,
    [Symbol.dispose]() {
      watcher[Symbol.dispose]();
    },
  };
}

type Told = Pick<TriggerAnswer, "result" | "reason">;

/** What became of a wish; null while it may yet begin. Pure. */
function answerOf(fate: Fate | undefined, queue: readonly QueuedSlot[], isLate: boolean): Told | null {
  const queued = (reason: string): Told => ({ result: "queued", reason });
  if (!fate) return isLate ? queued("the scheduler has not come to it yet") : null;
  const { slug, slot, word } = fate;
  if (word?.type === "skipped") {
    return { result: "skipped", reason: word.detail === undefined ? word.reason : `${word.reason}: ${word.detail}` };
  }
  if (word) return { result: "started" };
  const open = queue.find((other) => other.slug === slug && other.slot === slot);
  if (open?.state === "running" || open?.state === "retrying") return { result: "started" };
  if (open?.state === "waiting" && open.reason !== undefined) return queued(open.reason);
  return isLate ? queued(open?.state === "gate" ? "its gate is asked" : "the scheduler has not come to it yet") : null;
}

/** The slot that a wish got in an earlier life, and those that are not free. */
async function slotsOf(
  paths: AgentPaths,
  slug: string,
  id: string,
): Promise<{ claimed: string | null; used: ReadonlySet<string> }> {
  const used = new Set<string>();
  let count = 0;
  for await (const record of readRecordsBackwards(paths, slug)) {
    if (record.type === "claimed" && record.id === id) return { claimed: record.slot, used };
    if ("slot" in record) used.add(record.slot);
    count += 1;
    if (count >= MAX_RECORDS_BACK) break;
  }
  return { claimed: null, used };
}

/** The instant of the wish, or the first after it that is free. */
function freeInstant(wishedAt: string, isTaken: (atMs: number) => boolean): string {
  let atMs = Date.parse(wishedAt);
  while (isTaken(atMs)) atMs += 1;
  return isoInstant(atMs);
}
