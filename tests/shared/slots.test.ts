import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isoInstant } from "../../shared/clock.ts";
import type { Damage } from "../../shared/journal.ts";
import { type AgentPaths, agentPaths } from "../../shared/paths.ts";
import {
  applyRecord,
  checkpointOf,
  type ClaimedRecord,
  type ConsideredRecord,
  emptyLedger,
  type FinishedRecord,
  type GapRecord,
  type Ledger,
  loadLedger,
  monthFiles,
  readHistory,
  slotFolder,
  SlotRecord,
} from "../../shared/slots.ts";
import { createRandom } from "../support/seeded.ts";
import { tempDir } from "../support/temp.ts";

const START = Date.parse("2026-11-20T12:00:00.000Z");
const at = (second: number): string => isoInstant(START + second * 1000);
const base = (second: number) => ({ v: 1 as const, at: at(second) });

const considered = (second: number, change: Partial<ConsideredRecord> = {}): ConsideredRecord => ({
  ...base(second),
  type: "considered",
  until: at(second),
  schedule: "@every 1s UTC",
  standing: "on",
  reason: "first seen",
  ...change,
});
const claimed = (
  second: number,
  attempt = 1,
  trigger: "schedule" | "retry" | "manual" = "schedule",
): ClaimedRecord => ({
  ...base(second),
  type: "claimed",
  slot: at(second),
  attempt,
  trigger,
});
const finished = (second: number, change: Partial<FinishedRecord> = {}): FinishedRecord => ({
  ...base(second),
  type: "finished",
  slot: at(second),
  attempt: 1,
  outcome: "success",
  startedAt: at(second),
  endedAt: at(second + 0.5),
  exitCode: 0,
  signal: null,
  ...change,
});
const FAILED = { outcome: "failure", exitCode: 3 } as const;
const skipped = (second: number, attempt = 1): SlotRecord => ({
  ...base(second),
  type: "skipped",
  slot: at(second),
  attempt,
  reason: "gate",
  detail: "exit 1",
});
const gap = (from: number, to: number, count = to - from): GapRecord => ({
  ...base(to),
  type: "gap",
  from: at(from),
  to: at(to),
  count,
  reason: "missed",
});

const fold = (records: readonly SlotRecord[]): Ledger => records.reduce<Ledger>(applyRecord, emptyLedger());
const range = (from: number, to: number): { from: string; to: string } => ({ from: at(from), to: at(to) });

async function withJournal(paths: AgentPaths, name: string, text: string): Promise<void> {
  await mkdir(slotFolder(paths, "beat"), { recursive: true });
  await writeFile(join(slotFolder(paths, "beat"), name), text);
}
const lines = (records: readonly SlotRecord[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("");

describe("what follows from records", () => {
  test("the watermark moves with claims of the timetable and gaps, and back only by what was considered", () => {
    const marks = [considered(0), claimed(1), claimed(9, 1, "manual"), gap(1, 5), claimed(7), considered(3)].map(
      (_, index, all) => fold(all.slice(0, index + 1)).watermark,
    );
    expect(marks).toEqual([0, 1, 1, 5, 7, 3].map((second) => START + second * 1000));
  });

  test("a slot is open from its claim to its last word", () => {
    const failed = finished(1, { ...FAILED, retryAt: at(9) });
    const open = (records: readonly SlotRecord[]): unknown[] => [...fold([considered(0), ...records]).open.values()];
    expect(open([claimed(1)])).toMatchObject([{ slot: at(1), attempt: 1, trigger: "schedule", claimedAt: at(1) }]);
    expect(open([claimed(1), finished(1)])).toEqual([]);
    expect(open([claimed(1), skipped(1)])).toEqual([]);
    expect(open([claimed(1), failed])).toMatchObject([{ attempt: 1, retryAt: at(9), failed }]);
    const tried = { ...claimed(1, 2, "retry"), at: at(9) };
    expect(open([claimed(1), failed, tried])).toMatchObject([
      { attempt: 2, trigger: "retry", firstTrigger: "schedule", failed, claimedAt: at(9) },
    ]);
    expect(open([claimed(1), failed, tried])).not.toMatchObject([{ retryAt: at(9) }]);
    expect(open([claimed(1), failed, tried, finished(1, { ...FAILED, retrySkipped: "paused" })])).toEqual([]);
  });

  test("a manual slot keeps the name of its wish through its attempts", () => {
    const wish: SlotRecord = { ...base(1), type: "claimed", slot: at(1), attempt: 1, trigger: "manual", id: "wish" };
    const records = [wish, finished(1, { ...FAILED, retryAt: at(2) }), claimed(1, 2, "retry")];
    expect(fold(records).open.get(at(1))).toMatchObject({ id: "wish", firstTrigger: "manual" });
  });

  test("failures are counted by slots, from the first to a success", () => {
    const lost = finished(3, { outcome: "lost", exitCode: null });
    const states = [
      [claimed(1), finished(1, FAILED)],
      [claimed(2), finished(2, { ...FAILED, retryAt: at(2) }), claimed(2, 2, "retry")],
      [finished(2, { ...FAILED, attempt: 2 })],
      [claimed(3), lost],
      [claimed(4), finished(4, { outcome: "killed" }), claimed(5), skipped(5)],
      [claimed(6), finished(6)],
    ].map((_, index, all) => {
      const { consecutiveFailures, failingSince, lastOutcome } = fold(all.slice(0, index + 1).flat());
      return [consecutiveFailures, failingSince, lastOutcome];
    });
    expect(states).toEqual([
      [1, at(1), "failure"],
      [1, at(1), "failure"],
      [2, at(1), "failure"],
      [3, at(1), "lost"],
      [3, at(1), "killed"],
      [0, null, "success"],
    ]);
  });

  test("a retry that was refused makes one failure of its slot, and no run", () => {
    const records = [claimed(1), finished(1, { ...FAILED, retryAt: at(2) }), claimed(1, 2, "retry")];
    const refused = finished(1, { ...FAILED, at: at(9), startedAt: null, retrySkipped: "quota" });
    expect(fold([...records, refused])).toMatchObject({
      consecutiveFailures: 1,
      lastRun: at(1),
      lastOutcome: "failure",
    });
  });

  test("stretches in which every instant was claimed are kept, apart where a gap lies between", () => {
    const records = [considered(0), claimed(1), claimed(2), gap(2, 5), claimed(6), claimed(8)];
    expect(fold(records).claimed).toEqual([range(0, 2), range(5, 8)]);
    expect(fold([...records, claimed(7.5, 1, "manual")]).claimed).toEqual([range(0, 2), range(5, 8)]);
  });

  test("a clock that was set back leaves what was claimed ahead, until it is reached again", () => {
    const back = considered(3, { claimedAhead: [range(5, 8)] });
    const records = [considered(0), claimed(2), gap(2, 5), claimed(6), claimed(8), back];
    expect(fold(records).claimed).toEqual([range(0, 2), range(5, 8)]);
    expect(fold([...records, claimed(4)]).claimed).toEqual([range(0, 2), range(3, 4), range(5, 8)]);
    expect(fold([...records, claimed(4), claimed(5), claimed(9)]).claimed).toEqual([range(0, 2), range(3, 9)]);
  });

  test("of many stretches the oldest become one", () => {
    const records = Array.from({ length: 100 }, (_, index) => [gap(index * 4, index * 4 + 2), claimed(index * 4 + 4)]);
    const { claimed: kept } = fold([considered(0), ...records.flat()]);
    expect(kept).toHaveLength(32);
    expect(kept[0]).toEqual(range(2, 276));
    expect(kept.at(-1)).toEqual(range(398, 400));
  });
});

/** Records as a scheduler writes them, at random. */
function randomRecords(seed: number, count: number): SlotRecord[] {
  const random = createRandom(seed);
  const records: SlotRecord[] = [considered(0)];
  let second = 0;
  for (let ledger = fold(records); records.length < count; ledger = applyRecord(ledger, records.at(-1)!)) {
    second += 1;
    const open = random.pick([...ledger.open.values(), null]);
    if (open === null || random.int(1, 3) === 1) records.push(claimed(second));
    else if (open.retryAt !== undefined)
      records.push({ ...claimed(second, open.attempt + 1, "retry"), slot: open.slot });
    else {
      const outcome = random.pick(["success", "failure", "killed", "lost"] as const);
      const retry = random.int(1, 3) === 1 ? { retryAt: at(second + 5) } : {};
      records.push({ ...finished(second), slot: open.slot, attempt: open.attempt, outcome, ...retry });
    }
    if (random.int(1, 20) === 1) records.push(gap(second, (second += 3)));
    if (random.int(1, 30) === 1) records.push(skipped(second));
  }
  return records;
}

describe("loading", () => {
  test("a job that was never seen has an empty ledger", async () => {
    await using dir = await tempDir();
    expect(await loadLedger(agentPaths(dir.path), "beat")).toEqual({
      ledger: emptyLedger(),
      before: emptyLedger(),
      recent: [],
    });
  });

  test.each([1, 2, 3, 4, 5])(
    "from a checkpoint anywhere it is the same as from the beginning (seed %i)",
    async (seed) => {
      await using dir = await tempDir();
      const paths = agentPaths(dir.path);
      const records = randomRecords(seed, 200);
      const whole = fold(records);
      const cut = createRandom(seed).int(1, records.length - 1);
      const checkpoint = checkpointOf(fold(records.slice(0, cut)), START);
      await withJournal(paths, "2026-11.jsonl", lines([...records.slice(0, cut), checkpoint, ...records.slice(cut)]));
      const { ledger, before, recent } = await loadLedger(paths, "beat");
      expect({ ...ledger, sinceCheckpoint: 0 }).toEqual({ ...whole, sinceCheckpoint: 0 });
      expect(ledger.sinceCheckpoint).toBe(records.length - cut);
      expect({ ...before, sinceCheckpoint: 0 }).toEqual({ ...fold(records.slice(0, cut)), sinceCheckpoint: 0 });
      expect(recent).toEqual(records.slice(cut));
      const all = await loadLedger(paths, "beat", { recentMin: 1000 });
      expect(all.recent.filter(({ type }) => type !== "checkpoint")).toEqual(records);
      expect(all.before).toEqual(emptyLedger());
    },
  );

  test("what lies before a checkpoint is not read", async () => {
    await using dir = await tempDir();
    const paths = agentPaths(dir.path);
    await withJournal(paths, "2026-10.jsonl", "damaged\n");
    const records = Array.from({ length: 400 }, (_, second) => [claimed(second), finished(second)]).flat();
    await withJournal(
      paths,
      "2026-11.jsonl",
      `${lines(records)}damaged\n${lines([checkpointOf(fold(records), START), claimed(999)])}`,
    );
    const damages: Damage[] = [];
    const { ledger, recent } = await loadLedger(paths, "beat", { onDamage: (damage) => damages.push(damage) });
    expect([damages, recent.length, ledger.open.size]).toEqual([[], 1, 1]);
    await loadLedger(paths, "beat", { recentMin: 5000, onDamage: (damage) => damages.push(damage) });
    expect(damages).toHaveLength(2);
  });

  test("a damaged checkpoint is no loss", async () => {
    await using dir = await tempDir();
    const paths = agentPaths(dir.path);
    await withJournal(
      paths,
      "2026-11.jsonl",
      `${lines([considered(0), claimed(1)])}{"v":1,"type":"checkpoint"}\n${lines([claimed(2)])}`,
    );
    expect([...(await loadLedger(paths, "beat")).ledger.open.keys()]).toEqual([at(1), at(2)]);
  });

  test("months are read in their order, and nothing else", async () => {
    await using dir = await tempDir();
    const paths = agentPaths(dir.path);
    await withJournal(paths, "2026-12.jsonl", lines([finished(1)]));
    await withJournal(paths, "2026-11.jsonl", lines([claimed(1)]));
    await withJournal(paths, "notes.txt", "mine");
    expect(await monthFiles(paths, "beat")).toEqual(["2026-11.jsonl", "2026-12.jsonl"]);
    expect((await loadLedger(paths, "beat")).ledger).toMatchObject({ open: new Map(), lastOutcome: "success" });
  });
});

describe("history", () => {
  async function historyOf(records: readonly SlotRecord[], limit = 100): Promise<unknown[]> {
    await using dir = await tempDir();
    const paths = agentPaths(dir.path);
    await withJournal(paths, "2026-11.jsonl", lines(records));
    return readHistory(paths, "beat", { limit });
  }
  const end = { startedAt: at(1), endedAt: at(1.5), exitCode: 0, signal: null };
  const none = { startedAt: null, endedAt: null, exitCode: null, signal: null };
  const failedEnd = { ...end, exitCode: 3 };
  const runId = (attempt = 1): string => `beat@20261120T120001.000Z.${attempt}`;
  const common = { dueAt: at(1), trigger: "schedule" };

  test("a slot that goes on", async () => {
    expect(await historyOf([considered(0), claimed(1)])).toEqual([
      { ...common, outcome: null, runId: runId(), attempts: [{ attempt: 1, outcome: null, ...none }], ...none },
    ]);
  });

  test("a slot that succeeded, with its bill", async () => {
    const usage = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheCreationTokens: 4 };
    const bill = { usage, costUsd: 0.5, sessionId: "s" };
    expect(await historyOf([claimed(1), finished(1, bill)])).toEqual([
      {
        ...common,
        outcome: "success",
        runId: runId(),
        attempts: [{ attempt: 1, outcome: "success", ...end }],
        ...end,
        ...bill,
      },
    ]);
  });

  test("a slot that was skipped says why", async () => {
    expect(await historyOf([claimed(1), skipped(1)])).toEqual([
      { ...common, outcome: "skipped", reason: "gate: exit 1", runId: runId(), attempts: [], ...none },
    ]);
  });

  test("a slot that waits for its next attempt, and the attempts after it", async () => {
    const first = [claimed(1), finished(1, { ...FAILED, retryAt: at(9), reason: "exit 3", costUsd: 1 })];
    const attempt = { attempt: 1, outcome: "failure", ...failedEnd };
    expect(await historyOf(first)).toEqual([
      {
        ...common,
        outcome: null,
        reason: "exit 3",
        retryAt: at(9),
        runId: runId(),
        attempts: [attempt],
        ...failedEnd,
        costUsd: 1,
      },
    ]);
    const second = [...first, { ...claimed(1, 2, "retry"), at: at(9) }];
    expect(await historyOf(second)).toEqual([
      {
        ...common,
        outcome: null,
        reason: "exit 3",
        runId: runId(2),
        attempts: [attempt, { attempt: 2, outcome: null, ...none }],
        ...none,
        costUsd: 1,
      },
    ]);
    expect(await historyOf([...second, finished(1, { attempt: 2, costUsd: 2 })])).toEqual([
      {
        ...common,
        outcome: "success",
        runId: runId(2),
        attempts: [attempt, { attempt: 2, outcome: "success", ...end }],
        ...end,
        costUsd: 3,
      },
    ]);
    expect(await historyOf([...second, finished(1, { ...FAILED, retrySkipped: "paused" })])).toEqual([
      {
        ...common,
        outcome: "failure",
        reason: "not tried again: paused",
        runId: runId(),
        attempts: [attempt],
        ...failedEnd,
        costUsd: 1,
      },
    ]);
  });

  test("a gap is one entry, in its place", async () => {
    const records = [considered(0), claimed(1), finished(1), { ...gap(1, 4), detail: "catchUp is none" }, claimed(5)];
    expect(await historyOf(records)).toMatchObject([
      { dueAt: at(5) },
      { from: at(1), to: at(4), count: 3, outcome: "missed", reason: "missed: catchUp is none" },
      { dueAt: at(1) },
    ]);
  });

  test("the last ones are whole, even when they began long before", async () => {
    const others = Array.from({ length: 50 }, (_, index) => [claimed(index + 2), finished(index + 2)]).flat();
    const records = [claimed(1), ...others, finished(1, { endedAt: at(60) }), claimed(70)];
    expect(await historyOf(records, 3)).toMatchObject([{ dueAt: at(70) }, { dueAt: at(51) }, { dueAt: at(50) }]);
    expect((await historyOf(records)).at(-1)).toMatchObject({ dueAt: at(1), trigger: "schedule", endedAt: at(60) });
  });

  test("no more is read than the entries need", async () => {
    await using dir = await tempDir();
    const paths = agentPaths(dir.path);
    await withJournal(paths, "2026-10.jsonl", "damaged\n".repeat(10));
    const records = Array.from({ length: 5000 }, (_, second) => [claimed(second), finished(second)]).flat();
    await withJournal(paths, "2026-11.jsonl", `damaged\n${lines(records)}`);
    const damages: Damage[] = [];
    const onDamage = (damage: Damage): void => void damages.push(damage);
    const last = await readHistory(paths, "beat", { limit: 2, onDamage });
    expect(last).toMatchObject([{ dueAt: at(4999) }, { dueAt: at(4998) }]);
    expect(damages).toEqual([]);
    expect(await readHistory(paths, "beat", { limit: 6000, onDamage })).toHaveLength(5000);
    expect(damages).toHaveLength(11);
  });
});

test("a record of tomorrow's version is not taken for one of today's", () => {
  expect(SlotRecord.safeParse({ ...claimed(1), v: 2 }).success).toBe(false);
});
