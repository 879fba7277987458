import type { Clock } from "../../shared/clock.ts";
import { describeError, isInstarError, systemCode } from "../../shared/errors.ts";
import type { QueuedSlot } from "../../shared/job-views.ts";
import type { Acts, Order } from "./acts.ts";
import { admit, type Candidate, type Terms, type Verdict } from "./admission.ts";
import type { Book } from "./job-book.ts";
import type { Ledgers } from "./ledgers.ts";
import { createLiveSlots, type LiveSlot, queuedSlot } from "./live-slot.ts";
import { nextStep, type SlotStanding, type Step, whyNotRunnable } from "./standing.ts";

export interface ConductorDeps {
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
  readonly ledgers: Pick<Ledgers, "slugs" | "of">;
  /** Null: jobs.json could never be read. */
  readonly book: () => Book | null;
  /** Asked only when something waits. */
  readonly terms: () => Promise<Terms>;
  readonly acts: Acts;
  /** A step was taken: look again. */
  readonly onStep: () => void;
}

/** Brings every open slot to its last word. What it decides follows from the ledgers and the runs' folders alone. */
export interface Conductor extends AsyncDisposable {
  /** Takes the steps that are due, without waiting for them; says in how many milliseconds to look again. */
  look(): Promise<number>;
  /** A run or a gate began or ended: the next look looks at all of them. */
  hearNews(): void;
  /** What is open, the oldest first. */
  queue(): readonly QueuedSlot[];
  /** What is in the way of runs, for people; null: nothing. */
  trouble(): string | null;
}

/** After a step that could not be taken. */
const AGAIN_MS = 1000;

export function createConductor(deps: ConductorDeps): Conductor {
  const { clock, ledgers, acts, onStep } = deps;
  const live = createLiveSlots();
  const underWay = new Set<Promise<void>>();
  /** How often there was news of runs or gates. */
  let news = 1;
  let bug: { readonly error: unknown } | null = null;

  const jobOf = (slug: string): SlotStanding["job"] => {
    const book = deps.book();
    if (!book) return "unknown";
    const job = book.jobs.get(slug);
    if (job) return job.enabled ? "on" : "disabled";
    return book.invalid.some((entry) => entry.slug === slug) ? "invalid" : "removed";
  };
  const standingOf = (slot: LiveSlot, verdicts: ReadonlyMap<string, Verdict>): SlotStanding => ({
    phase: slot.phase,
    job: jobOf(slot.run.slug),
    isManual: slot.open.firstTrigger === "manual",
    dueInMs: slot.dueMs - clock.monotonicMs(),
    verdict: verdicts.get(slot.key) ?? null,
  });
  const orderFor = (slot: LiveSlot): Order => {
    const { job, isManual } = standingOf(slot, new Map());
    const isRunnable = job !== "unknown" && whyNotRunnable({ job, isManual }) === null;
    return { live: slot, job: deps.book()?.jobs.get(slot.run.slug) ?? null, isRunnable };
  };

  const putOff = (slot: LiveSlot, trouble: string): void => {
    slot.trouble = trouble;
    slot.wakeMs = clock.monotonicMs() + AGAIN_MS;
  };
  /** A step that fails for a reason that passes is taken again; a bug ends the next look. */
  const begin = (slot: LiveSlot, act: () => Promise<void>): void => {
    slot.isBusy = true;
    slot.seenNews = news;
    const done = act()
      .catch((error: unknown) => {
        const passing = passingFault(error);
        if (passing === null) bug ??= { error };
        putOff(slot, passing ?? "a fault of the scheduler's own");
      })
      .finally(() => {
        slot.isBusy = false;
        underWay.delete(done);
        onStep();
      });
    underWay.add(done);
  };

  const sync = (): readonly LiveSlot[] => {
    live.sync(ledgers.slugs().map((slug) => [slug, ledgers.of(slug)] as const));
    return live.all();
  };
  const seeNew = async (): Promise<void> => {
    for (const slot of sync()) {
      if (slot.isSeen || slot.wakeMs > clock.monotonicMs()) continue;
      if (slot.phase === "retrying") slot.dueMs = retryDueMs(slot, clock);
      try {
        await acts.see(orderFor(slot));
        slot.trouble = null;
      } catch (error) {
        const passing = passingFault(error);
        if (passing === null) throw error;
        putOff(slot, passing);
      }
    }
  };

  const candidates = (): Candidate[] => {
    const book = deps.book();
    if (!book) return [];
    return live.all().flatMap((slot) => candidateOf(slot, book, jobOf(slot.run.slug)));
  };
  const isAnyWaiting = (): boolean => candidates().some(({ state }) => state === "waiting");

  /** How long this slot may be left alone; infinite: until something changes. */
  const takeDue = (
    slot: LiveSlot,
    step: Step,
    look: { readonly isForced: boolean; readonly isFree: boolean },
  ): number => {
    slot.waitsFor = step.step === "wait" ? step.why : null;
    if (step.step === "wait") return step.forMs ?? Infinity;
    if (slot.isBusy || !look.isFree) return Infinity;
    const isNewOrder = step.step === "make-way" && !slot.hasToMakeWay;
    const waitMs = look.isForced || isNewOrder ? 0 : Math.max(0, slot.wakeMs - clock.monotonicMs());
    if (waitMs === 0) begin(slot, () => acts.take(step, orderFor(slot)));
    return waitMs === 0 ? Infinity : waitMs;
  };

  return {
    async look() {
      if (bug) throw bug.error;
      await seeNew();
      const terms = isAnyWaiting() ? await deps.terms() : null;
      // Steps ended meanwhile. From here on nothing is awaited: what is decided is decided on what is so.
      const seen = sync().filter(({ isSeen }) => isSeen);
      const verdicts = terms ? admit(candidates(), terms) : new Map<string, Verdict>();
      // While a step of its job is under way, nobody knows what holds up the others.
      const busyJobs = new Set(live.all().flatMap(({ isBusy, run }) => (isBusy ? [run.slug] : [])));
      const unseen = live.all().filter(({ isSeen }) => !isSeen);
      let waitMs = unseen.reduce((ms, { wakeMs }) => Math.min(ms, Math.max(0, wakeMs - clock.monotonicMs())), Infinity);
      for (const slot of seen.toSorted((a, b) => a.order - b.order)) {
        const isWatched = slot.phase === "started" || (slot.phase === "waiting" && slot.gate === "running");
        const isForced = isWatched && slot.seenNews < news && slot.trouble === null;
        const isFree = slot.phase === "started" || !busyJobs.has(slot.run.slug);
        const forMs = takeDue(slot, nextStep(standingOf(slot, verdicts)), { isForced, isFree });
        waitMs = Math.min(waitMs, forMs);
        if (slot.isBusy) busyJobs.add(slot.run.slug);
      }
      return waitMs;
    },
    hearNews() {
      news += 1;
    },
    queue: () =>
      live
        .all()
        .toSorted((a, b) => a.order - b.order)
        .map(queuedSlot),
    trouble() {
      const first = live.all().find(({ trouble }) => trouble !== null);
      return first ? `${first.run.slug}: ${first.trouble}` : null;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(underWay);
    },
  };
}

/** What the system refused may come right, and concerns this slot alone; null for a bug. */
function passingFault(error: unknown): string | null {
  if (isInstarError(error)) return error.message;
  return /^E[A-Z0-9]+$/.test(systemCode(error) ?? "") ? describeError(error) : null;
}

/** By the journal's instant, and no longer than its wait was: clocks are stepped. */
function retryDueMs({ open }: LiveSlot, clock: Pick<Clock, "now" | "monotonicMs">): number {
  if (open.retryAt === undefined) return 0;
  const dueAt = Date.parse(open.retryAt);
  const waitMs = dueAt - Date.parse(open.failed?.at ?? open.retryAt);
  return clock.monotonicMs() + Math.min(Math.max(0, dueAt - clock.now()), Math.max(0, waitMs));
}

function candidateOf(slot: LiveSlot, book: Book, standing: SlotStanding["job"]): Candidate[] {
  const { key, run, order, phase } = slot;
  const job = book.jobs.get(run.slug);
  const isManual = slot.open.firstTrigger === "manual";
  if (phase === "retrying" || (phase === "waiting" && whyNotRunnable({ job: standing, isManual }))) return [];
  const gate = slot.gate === "needed" && job?.gate === undefined ? "passed" : slot.gate;
  const { priority = "normal", overlap = "skip" } = job ?? {};
  return [{ key, slug: run.slug, order, priority, overlap, state: phase, gate }];
}
