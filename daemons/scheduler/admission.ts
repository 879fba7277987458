import type { SkipCause } from "../../shared/protocol.ts";

/** What admission needs to know of one open slot. */
export interface Candidate {
  /** Names the slot among all. */
  readonly key: string;
  readonly slug: string;
  /** The order of claims over all jobs: its age. */
  readonly order: number;
  readonly priority: "critical" | "high" | "normal" | "low";
  readonly overlap: "skip" | "buffer-one" | "buffer-all" | "cancel-other" | "allow";
  /** `started`: its work was opened or has begun; it is only asked whether it has to make way. */
  readonly state: "waiting" | "started";
  /** `passed` where there is none. A refused one carries why. */
  readonly gate: "needed" | "running" | "passed" | SkipCause;
}

/** What holds for all slots alike. */
export interface Terms {
  readonly isPaused: boolean;
  readonly maxParallelJobs: number;
  /** Null: it may run. */
  readonly quotaRefusal: (priority: Candidate["priority"]) => SkipCause | null;
}

export type Verdict =
  | { readonly act: "skip"; readonly cause: SkipCause }
  | { readonly act: "gate" | "start" }
  /** gate: its own runs; gates: as many run as may. */
  | { readonly act: "wait"; readonly why: "gate" | "gates" | "overlap" | "concurrency" }
  /** A started one: it goes on, or ends because a later slot of its job takes its place. */
  | { readonly act: "go-on" | "make-way" };

/** Gates are short and cost nothing; still not all of them at once. */
const MAX_GATES = 8;
/** Under `buffer-all`; a job that is that far behind does not catch up. */
const MAX_BUFFERED = 1000;

const RANK = { critical: 0, high: 1, normal: 2, low: 3 } as const;

/** Decides over all open slots at once: paused, quota, gate, overlap, concurrency, in this order, by priority and age. */
export function admit(candidates: readonly Candidate[], terms: Terms): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  const inOrder = candidates.toSorted((a, b) => a.order - b.order);
  for (const candidate of inOrder) {
    const verdict =
      candidate.state === "started" ? ({ act: "go-on" } as const) : refusalBeforeOverlap(candidate, terms);
    if (verdict) verdicts.set(candidate.key, verdict);
  }
  for (const ofJob of Map.groupBy(inOrder, ({ slug }) => slug).values()) settleOverlap(ofJob, verdicts);
  sendGates(inOrder, verdicts);
  fillPlaces(inOrder, terms.maxParallelJobs, verdicts);
  return verdicts;
}

function refusalBeforeOverlap({ priority, gate }: Candidate, terms: Terms): Verdict | null {
  if (terms.isPaused) return { act: "skip", cause: { reason: "paused" } };
  const quota = terms.quotaRefusal(priority);
  if (quota) return { act: "skip", cause: quota };
  if (gate === "running") return { act: "wait", why: "gate" };
  // Perhaps: as many as may run at once.
  if (gate === "needed") return { act: "gate" };
  return gate === "passed" ? null : { act: "skip", cause: gate };
}

/** Decides for the slots of one job, oldest first, that nothing before overlap holds up. */
function settleOverlap(ofJob: readonly Candidate[], verdicts: Map<string, Verdict>): void {
  if (ofJob[0]?.overlap === "cancel-other") return replaceEarlier(ofJob, verdicts);
  const started = ofJob.filter(({ state }) => state === "started").length;
  let waiting = 0;
  for (const { key, state, overlap } of ofJob) {
    if (state === "started" || verdicts.get(key)?.act === "skip") continue;
    if (!verdicts.has(key)) {
      const verdict = overlapVerdict(overlap, started, waiting);
      if (verdict) verdicts.set(key, verdict);
      if (verdict?.act === "skip") continue;
    }
    waiting += 1;
  }
}

/** The latest slot that runs or may run takes the place of all before it. */
function replaceEarlier(ofJob: readonly Candidate[], verdicts: Map<string, Verdict>): void {
  const at = ofJob.findLastIndex(({ key, state }) => state === "started" || !verdicts.has(key));
  const latest = ofJob[at];
  if (!latest) return;
  const earlier = ofJob.slice(0, at).filter(({ key }) => verdicts.get(key)?.act !== "skip");
  for (const { key, state } of earlier) {
    const isStarted = state === "started";
    verdicts.set(key, isStarted ? { act: "make-way" } : { act: "skip", cause: overlapBy("a later slot replaced it") });
  }
  if (latest.state === "waiting" && earlier.some(({ state }) => state === "started"))
    verdicts.set(latest.key, { act: "wait", why: "overlap" });
}

/** Null: overlap does not hold it up. `waiting` are those of its job before it. */
function overlapVerdict(overlap: Candidate["overlap"], started: number, waiting: number): Verdict | null {
  const ahead = started + waiting;
  if (overlap === "allow" || ahead === 0) return null;
  const isFull =
    (overlap === "buffer-one" && ahead > 1) ||
    (overlap === "buffer-all" && waiting >= MAX_BUFFERED) ||
    overlap === "skip";
  if (!isFull) return { act: "wait", why: "overlap" };
  const detail = started > 0 ? "an earlier slot is still running" : "an earlier slot still waits for its turn";
  return { act: "skip", cause: overlapBy(ahead > 1 && overlap !== "skip" ? `${waiting} already wait` : detail) };
}

const overlapBy = (detail: string): SkipCause => ({ reason: "overlap", detail });

function sendGates(inOrder: readonly Candidate[], verdicts: Map<string, Verdict>): void {
  let free = MAX_GATES - inOrder.filter(({ state, gate }) => state === "waiting" && gate === "running").length;
  for (const { key } of inOrder.toSorted(byPriorityAndAge)) {
    if (verdicts.get(key)?.act !== "gate") continue;
    if (free <= 0) verdicts.set(key, { act: "wait", why: "gates" });
    free -= 1;
  }
}

function fillPlaces(inOrder: readonly Candidate[], maxParallelJobs: number, verdicts: Map<string, Verdict>): void {
  let free = maxParallelJobs - inOrder.filter(({ state }) => state === "started").length;
  for (const { key } of inOrder.toSorted(byPriorityAndAge)) {
    if (verdicts.has(key)) continue;
    verdicts.set(key, free > 0 ? { act: "start" } : { act: "wait", why: "concurrency" });
    free -= 1;
  }
}

function byPriorityAndAge(a: Candidate, b: Candidate): number {
  return RANK[a.priority] - RANK[b.priority] || a.order - b.order;
}
