import { expect, test } from "vitest";
import { lastWord, retryAfterMs } from "../../../daemons/scheduler/acts.ts";
import { createLiveSlots, queuedSlot } from "../../../daemons/scheduler/live-slot.ts";
import { isoInstant } from "../../../shared/clock.ts";
import { applyRecord, emptyLedger, type FinishedRecord, type Ledger, type SlotRecord } from "../../../shared/slots.ts";

const START = Date.parse("2026-11-20T12:00:00.000Z");
const at = (second: number): string => isoInstant(START + second * 1000);

const claimed = (second: number, writtenAt = second, attempt = 1): SlotRecord => ({
  v: 1,
  type: "claimed",
  at: at(writtenAt),
  slot: at(second),
  attempt,
  trigger: attempt === 1 ? "schedule" : "retry",
});
const finished = (second: number, change: Partial<FinishedRecord> = {}): FinishedRecord => ({
  v: 1,
  type: "finished",
  at: at(second),
  slot: at(second),
  attempt: 1,
  outcome: "failure",
  startedAt: at(second),
  endedAt: at(second),
  exitCode: 1,
  signal: null,
  ...change,
});
const ledgerOf = (...records: SlotRecord[]): Ledger => records.reduce(applyRecord, emptyLedger());
const keysInOrder = (slots: ReturnType<typeof createLiveSlots>): string[] =>
  slots
    .all()
    .toSorted((a, b) => a.order - b.order)
    .map(({ run }) => `${run.slug} ${(Date.parse(run.slot) - START) / 1000}.${run.attempt}`);

test("slots are as old as their claims over all jobs; a retry keeps its place", () => {
  const slots = createLiveSlots();
  const a = ledgerOf(claimed(1), finished(1, { retryAt: at(2) }), claimed(3), claimed(1, 5, 2));
  slots.sync([
    ["b", ledgerOf(claimed(2))],
    ["a", a],
  ]);
  // That of `a` was claimed again at 5, and is before what was claimed at 3.
  expect(keysInOrder(slots)).toEqual(["b 2.1", "a 1.2", "a 3.1"]);
  slots.sync([["a", applyRecord(a, claimed(4, 0))]]);
  expect(keysInOrder(slots)).toEqual(["a 1.2", "a 3.1", "a 4.1"]);
});

test("a new attempt begins anew, in the old place; what stays the same stays", () => {
  const slots = createLiveSlots();
  const first = ledgerOf(claimed(1), claimed(2));
  slots.sync([["a", first]]);
  const [one, two] = slots.all();
  if (one) one.phase = "started";
  const failed = applyRecord(first, finished(1, { retryAt: at(9) }));
  slots.sync([["a", failed]]);
  expect(slots.all()).toContain(two);
  expect(slots.get("a", at(1))).toMatchObject({ phase: "retrying", order: one?.order, isSeen: false });
  slots.sync([["a", applyRecord(failed, claimed(1, 9, 2))]]);
  expect(slots.get("a", at(1))).toMatchObject({ phase: "waiting", order: one?.order, run: { attempt: 2 } });
});

test("it is seen as it stands", () => {
  const slots = createLiveSlots();
  slots.sync([["a", ledgerOf(claimed(1), claimed(2), claimed(3), finished(3, { retryAt: at(60) }))]]);
  const [one, two, three] = slots.all();
  if (!one || !two || !three) throw new Error("three slots are open");
  one.gate = "running";
  two.waitsFor = "overlap";
  expect([one, two, three].map(queuedSlot)).toEqual([
    { slug: "a", slot: at(1), attempt: 1, state: "gate", since: at(1) },
    { slug: "a", slot: at(2), attempt: 1, state: "waiting", reason: "overlap", since: at(2) },
    { slug: "a", slot: at(3), attempt: 1, state: "retrying", since: at(60) },
  ]);
  one.phase = "started";
  one.trouble = "no tmux server runs";
  expect(queuedSlot(one)).toMatchObject({ state: "running", reason: "no tmux server runs" });
});

test("the last word about what never ran is that it was skipped; about what failed, its failure", () => {
  const open = ledgerOf(claimed(1)).open.get(at(1));
  const failed = ledgerOf(claimed(1), finished(1, { retryAt: at(2) }), claimed(1, 2, 2)).open.get(at(1));
  if (!open || !failed) throw new Error("they are open");
  const cause = { reason: "quota", detail: "much" } as const;
  const base = { v: 1, at: at(9), slot: at(1), attempt: 1 };
  expect(lastWord(open, cause, at(9))).toEqual({ ...base, type: "skipped", reason: "quota", detail: "much" });
  expect(lastWord(failed, cause, at(9))).toEqual({ ...finished(1), at: at(9), retrySkipped: "quota" });
});

test.each<[FinishedRecord["outcome"], number, number | null]>([
  ["failure", 1, 10_000],
  ["timeout", 2, 20_000],
  ["failure", 3, 40_000],
  ["failure", 4, null],
  ["success", 1, null],
  ["killed", 1, null],
  ["lost", 1, null],
])("after %s of attempt %d the next comes in %s ms", (outcome, attempt, waitMs) => {
  expect(retryAfterMs({ retries: { max: 3, backoffSeconds: 10 } }, { outcome }, attempt)).toBe(waitMs);
});

test("a backoff is at most a day", () => {
  expect(retryAfterMs({ retries: { max: 99, backoffSeconds: 60 } }, { outcome: "failure" }, 90)).toBe(86_400_000);
});
