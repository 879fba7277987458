import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readEvents } from "../../shared/events.ts";
import { readJournal } from "../../shared/journal.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { runIdOf } from "../../shared/runs.ts";
import { parseSchedule } from "../../shared/schedule.ts";
import { type FinishedRecord, monthFiles, slotFolder, SlotRecord } from "../../shared/slots.ts";

/** A job as its explanation needs it. */
export interface ExplainedJob {
  readonly slug: string;
  readonly schedule: string;
  readonly overlap?: string | undefined;
}

export interface Explanation {
  /** What the journal does not explain, or explains twice. */
  readonly problems: readonly string[];
  /** Due instants from the first sight on. */
  readonly instants: number;
  /** Outcomes and reasons of skips, each with how often it came. */
  readonly words: Readonly<Record<string, number>>;
  /** Slots without a last word. */
  readonly open: readonly string[];
}

export interface ExplainOptions {
  /** What the scheduler's wall clock shows now. */
  readonly nowMs?: number | undefined;
  /** An instant of a wall clock that was stepped → its place on a line of time that never goes back. */
  readonly asLived?: ((wallMs: number) => number) | undefined;
}

/** What every job under test appends to, first of all: the run id, a line each. */
export const RAN = "ran";

/** A script that says that it ran, and then does `work`. */
export function saysItRan(work: string): { type: "script"; value: string } {
  return { type: "script", value: `echo "$INSTAR_RUN_ID" >> "$INSTAR_AGENT_DIR/${RAN}"\n${work}` };
}

/**
 * Accounts for every due instant of a job, from its journal and its schedule alone: each, from the first sight to the
 * watermark, is one claimed slot or lies in one gap; each slot has its attempts in order and one last word; each event
 * was told once; no work ran twice, and none ran without a claim.
 */
export async function explain(
  paths: AgentPaths,
  job: ExplainedJob,
  { nowMs = Date.now(), asLived = (wallMs) => wallMs }: ExplainOptions = {},
): Promise<Explanation> {
  const problems: string[] = [];
  const records = await recordsOf(paths, job.slug, problems);
  const book = keepBook(records, problems);
  const instants = accountForInstants(job, records, book, nowMs, problems);
  const ran = (await readFile(join(paths.dir, RAN), "utf8").catch(() => "")).split("\n").filter(Boolean);
  accountForWork(job, book, ran, problems);
  if (job.overlap !== "allow") accountForOverlap(book, asLived, problems);
  await accountForEvents(paths, job, records, book, problems);
  const words: Record<string, number> = {};
  const refused = [...book.refused.values()].map(({ retrySkipped }) => `no retry: ${retrySkipped}`);
  for (const word of [...book.finished.map(({ outcome }) => outcome), ...book.skipped.values(), ...refused])
    words[word] = (words[word] ?? 0) + 1;
  return { problems, instants, words, open: [...book.open] };
}

interface Book {
  /** By "slot.attempt". */
  readonly claimed: ReadonlyMap<string, SlotRecord & { type: "claimed" }>;
  readonly finished: readonly FinishedRecord[];
  /** Slot → reason. */
  readonly skipped: ReadonlyMap<string, string>;
  /** Slot → the last word about a slot that failed and whose retry was refused. */
  readonly refused: ReadonlyMap<string, FinishedRecord>;
  readonly open: ReadonlySet<string>;
}

async function recordsOf(paths: AgentPaths, slug: string, problems: string[]): Promise<SlotRecord[]> {
  const records: SlotRecord[] = [];
  for (const name of await monthFiles(paths, slug)) {
    const onDamage = (damage: object): void => void problems.push(`damage: ${JSON.stringify(damage)}`);
    for await (const record of readJournal(join(slotFolder(paths, slug), name), SlotRecord, { onDamage }))
      records.push(record);
  }
  return records;
}

/** Follows every slot through its attempts. */
function keepBook(records: readonly SlotRecord[], problems: string[]): Book {
  const claimed = new Map<string, SlotRecord & { type: "claimed" }>();
  const finished: FinishedRecord[] = [];
  const skipped = new Map<string, string>();
  const refused = new Map<string, FinishedRecord>();
  const open = new Set<string>();
  /** The attempt that goes on, or whose retry is awaited. */
  const attempts = new Map<string, { attempt: number; isAwaited: boolean }>();
  for (const record of records) {
    if (!("slot" in record)) continue;
    const { slot, attempt } = record;
    const current = attempts.get(slot);
    if (record.type === "claimed") {
      const isNext = attempt === 1 ? !current : current?.isAwaited === true && attempt === current.attempt + 1;
      if (!isNext || claimed.has(`${slot}.${attempt}`)) problems.push(`${slot}.${attempt} was claimed out of turn`);
      claimed.set(`${slot}.${attempt}`, record);
      attempts.set(slot, { attempt, isAwaited: false });
      open.add(slot);
      continue;
    }
    if (!open.has(slot)) problems.push(`${slot}.${attempt}: ${record.type} after its last word, or without a claim`);
    if (record.type === "finished" && record.retrySkipped !== undefined) {
      const last = finished.findLast((other) => other.slot === slot);
      const next = current?.isAwaited ? current.attempt + 1 : current?.attempt;
      if (last?.attempt !== attempt || last.outcome !== record.outcome || next !== attempt + 1)
        problems.push(`${slot}.${attempt}: a retry was refused that nobody awaited`);
      refused.set(slot, record);
      open.delete(slot);
      continue;
    }
    if (current?.attempt !== attempt)
      problems.push(`${slot}.${attempt}: ${record.type}, but it was at ${current?.attempt}`);
    if (record.type === "finished") {
      if (current?.isAwaited) problems.push(`${slot}.${attempt} finished twice`);
      finished.push(record);
      attempts.set(slot, { attempt, isAwaited: record.retryAt !== undefined });
      if (record.retryAt === undefined) open.delete(slot);
    } else {
      if (attempt > 1 || current?.isAwaited) problems.push(`${slot} failed and is said to be skipped`);
      skipped.set(slot, record.reason);
      open.delete(slot);
    }
  }
  return { claimed, finished, skipped, refused, open };
}

/** A stretch of time in which instants need no slot: a gap, or one that the journal passed over with a reason. */
interface Passed {
  readonly from: number;
  readonly to: number;
  readonly kind: "gap" | "passed over";
  readonly count: number;
}

function accountForInstants(
  job: ExplainedJob,
  records: readonly SlotRecord[],
  book: Book,
  nowMs: number,
  problems: string[],
): number {
  const schedule = parseSchedule(job.schedule, "UTC");
  const timetabled = [...book.claimed.values()].filter(
    ({ trigger }) => trigger === "schedule" || trigger === "catch-up",
  );
  const slots = new Set(timetabled.map(({ slot }) => Date.parse(slot)));
  for (const slot of slots)
    if (schedule.next(slot - 1) !== slot)
      problems.push(`${new Date(slot).toISOString()} was claimed and is no instant`);

  /** Instants that come again after a step back may lie in a gap of each time, or in one, and run the other time. */
  const isSteppedBack = records.some((record) => record.type === "considered" && record.claimedAhead !== undefined);
  const { firstSight, watermark, passed } = followWatermark(records);
  if (firstSight === null) return 0;
  if (watermark > nowMs) problems.push(`the watermark ${watermark} lies in the future`);
  let count = 0;
  const perGap = new Map<Passed, number>();
  for (let at = schedule.next(firstSight); at !== null && at <= watermark; at = schedule.next(at)) {
    const instant = at;
    count += 1;
    const gaps = passed.filter(({ from, to }) => instant > from && instant <= to);
    for (const gap of gaps) perGap.set(gap, (perGap.get(gap) ?? 0) + (slots.has(instant) ? 0 : 1));
    const name = new Date(instant).toISOString();
    const realGaps = gaps.filter(({ kind }) => kind === "gap").length;
    if (!slots.has(instant) && gaps.length === 0) problems.push(`${name} is not explained`);
    if (!slots.has(instant) && realGaps > 1 && !isSteppedBack) problems.push(`${name} lies in ${realGaps} gaps`);
    if (slots.has(instant) && realGaps > 0 && !isSteppedBack) problems.push(`${name} is a slot and lies in a gap`);
  }
  for (const gap of passed.filter(({ kind }) => kind === "gap")) {
    const found = perGap.get(gap) ?? 0;
    // After a step back instants of a gap may come again, and run.
    if (isSteppedBack ? found > gap.count : found !== gap.count)
      problems.push(`the gap from ${new Date(gap.from).toISOString()} counts ${gap.count}, ${found} are in it`);
  }
  return count;
}

/** The watermark moves by claims of the timetable, gaps and `considered`; backwards only by the latter. */
function followWatermark(records: readonly SlotRecord[]): {
  firstSight: number | null;
  watermark: number;
  passed: readonly Passed[];
} {
  let until: number | null = null;
  let firstSight: number | null = null;
  let highest = Number.NEGATIVE_INFINITY;
  const passed: Passed[] = [];
  for (const record of records) {
    if (record.type === "considered") {
      const to = Date.parse(record.until);
      firstSight ??= to;
      if (until !== null && to > until && record.reason !== "first seen")
        passed.push({ from: until, to, kind: "passed over", count: 0 });
      until = to;
    }
    if (record.type === "gap") {
      const [from, to] = [Date.parse(record.from), Date.parse(record.to)];
      passed.push({ from, to, kind: "gap", count: record.count });
      until = Math.max(until ?? to, to);
    }
    if (record.type === "claimed" && record.trigger !== "manual" && record.trigger !== "retry")
      until = Math.max(until ?? 0, Date.parse(record.slot));
    highest = Math.max(highest, until ?? highest);
  }
  return { firstSight, watermark: until ?? highest, passed };
}

function accountForWork(job: ExplainedJob, book: Book, ran: readonly string[], problems: string[]): void {
  const times = new Map<string, number>();
  for (const runId of ran) if (runId.startsWith(`${job.slug}@`)) times.set(runId, (times.get(runId) ?? 0) + 1);
  for (const [runId, count] of times) if (count > 1) problems.push(`${runId} ran ${count} times`);
  const claimed = new Set(
    [...book.claimed.values()].map(({ slot, attempt }) => runIdOf({ slug: job.slug, slot, attempt })),
  );
  for (const runId of times.keys()) if (!claimed.has(runId)) problems.push(`${runId} ran without a claim`);
  for (const { slot, attempt, outcome, startedAt } of book.finished) {
    const runId = runIdOf({ slug: job.slug, slot, attempt });
    const isCertain = startedAt !== null && (outcome === "success" || outcome === "failure");
    if (isCertain && !times.has(runId)) problems.push(`${runId} is said to be a ${outcome} and did not run`);
    if (startedAt === null && times.has(runId)) problems.push(`${runId} ran and is said never to have begun`);
  }
  for (const slot of book.skipped.keys()) {
    const runId = runIdOf({ slug: job.slug, slot, attempt: 1 });
    if (times.has(runId)) problems.push(`${runId} ran and is said to be skipped`);
  }
  for (const [slot, { attempt }] of book.refused) {
    const runId = runIdOf({ slug: job.slug, slot, attempt: attempt + 1 });
    if (times.has(runId)) problems.push(`${runId} ran and is said to be refused`);
  }
}

function accountForOverlap(book: Book, asLived: (wallMs: number) => number, problems: string[]): void {
  const runs = book.finished
    .flatMap(({ slot, startedAt, endedAt }) =>
      startedAt === null ? [] : [{ slot, from: asLived(Date.parse(startedAt)), to: asLived(Date.parse(endedAt)) }],
    )
    .sort((a, b) => a.from - b.from);
  for (const [index, run] of runs.entries()) {
    const next = runs[index + 1];
    if (next && next.from < run.to) problems.push(`${next.slot} began before ${run.slot} had ended`);
  }
}

async function accountForEvents(
  paths: AgentPaths,
  { slug }: ExplainedJob,
  records: readonly SlotRecord[],
  book: Book,
  problems: string[],
): Promise<void> {
  const told = new Map<string, number>();
  for (const { id } of await readEvents(paths, { limit: 1_000_000, sinceMs: 0 })) told.set(id, (told.get(id) ?? 0) + 1);
  const expected = [
    ...book.finished.map(({ slot, attempt }) => `finished:${runIdOf({ slug, slot, attempt })}`),
    ...book.finished.flatMap(({ slot, attempt, startedAt }) =>
      startedAt === null ? [] : [`triggered:${runIdOf({ slug, slot, attempt })}`],
    ),
    ...[...book.skipped.keys()].map((slot) => `skipped:${slug}:${slot}`),
    ...[...book.refused].map(([slot, { attempt }]) => `given-up:${runIdOf({ slug, slot, attempt })}`),
    ...records.flatMap((record) => (record.type === "gap" ? [`gap:${slug}:${record.to}`] : [])),
  ];
  for (const id of expected)
    if (told.get(id) !== 1) problems.push(`the event ${id} was told ${told.get(id) ?? 0} times`);
}
