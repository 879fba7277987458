import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isoInstant } from "../../shared/clock.ts";
import { agentPaths } from "../../shared/paths.ts";
import { runIdOf } from "../../shared/runs.ts";
import { type FinishedRecord, slotFolder, type SlotRecord } from "../../shared/slots.ts";
import { explain, type ExplainOptions, RAN } from "../support/explain.ts";
import { tempDir } from "../support/temp.ts";

const START = Date.parse("2026-11-20T12:00:00.000Z");
const at = (second: number): string => isoInstant(START + second * 1000);
const runId = (second: number, attempt = 1): string => runIdOf({ slug: "beat", slot: at(second), attempt });

const claimed = (second: number, attempt = 1): SlotRecord => ({
  v: 1,
  type: "claimed",
  at: at(second),
  slot: at(second),
  attempt,
  trigger: attempt === 1 ? "schedule" : "retry",
});
const finished = (second: number, lastsMs = 100): FinishedRecord => ({
  v: 1,
  type: "finished",
  at: at(second),
  slot: at(second),
  attempt: 1,
  outcome: "success",
  startedAt: at(second),
  endedAt: isoInstant(START + second * 1000 + lastsMs),
  exitCode: 0,
  signal: null,
});
const skipped = (second: number, attempt = 1): SlotRecord => ({
  v: 1,
  type: "skipped",
  at: at(second),
  slot: at(second),
  attempt,
  reason: "overlap",
});
const FAILURE = { outcome: "failure", exitCode: 1 } as const;
/** It failed, was to be tried again, and was not: the retry was refused when it was claimed. */
const refusedRetry = (second: number): SlotRecord[] => [
  claimed(second),
  { ...finished(second), ...FAILURE, retryAt: at(second) },
  claimed(second, 2),
  { ...finished(second), ...FAILURE, retrySkipped: "paused" },
];
const gap = (from: number, to: number, count = to - from): SlotRecord => ({
  v: 1,
  type: "gap",
  at: at(to),
  from: at(from),
  to: at(to),
  count,
  reason: "missed",
});
const FIRST: SlotRecord = {
  v: 1,
  type: "considered",
  at: at(0),
  until: at(0),
  schedule: "@every 1s UTC",
  standing: "on",
  reason: "first seen",
};

interface Story {
  readonly records: readonly SlotRecord[];
  readonly ran: readonly string[];
  readonly told: readonly string[];
}

/** Two slots that ran, a gap of three instants, one that was skipped, and one that failed for good without its retry. */
const SOUND: Story = {
  records: [
    FIRST,
    claimed(1),
    finished(1),
    claimed(2),
    finished(2),
    gap(2, 5),
    claimed(6),
    skipped(6),
    ...refusedRetry(7),
  ],
  ran: [runId(1), runId(2), runId(7)],
  told: [
    ...[1, 2, 7].flatMap((second) => [`triggered:${runId(second)}`, `finished:${runId(second)}`]),
    `gap:beat:${at(5)}`,
    `skipped:beat:${at(6)}`,
    `given-up:${runId(7)}`,
  ],
};

const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join("");
const event = (id: string): object => ({ id, type: "job_completed", at: at(7), level: "info", message: "told" });

async function problemsOf({ records, ran, told }: Story, options?: ExplainOptions): Promise<readonly string[]> {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  await mkdir(slotFolder(paths, "beat"), { recursive: true });
  await writeFile(join(slotFolder(paths, "beat"), "2026-11.jsonl"), lines(records));
  await appendFile(join(paths.state("scheduler"), "events-2026-11-20.jsonl"), lines(told.map(event)));
  await writeFile(join(dir.path, RAN), ran.map((id) => `${id}\n`).join(""));
  return (await explain(paths, { slug: "beat", schedule: "@every 1s" }, options)).problems;
}

test("a sound story has no problems", async () => {
  expect(await problemsOf(SOUND)).toEqual([]);
});

const without = (index: number): SlotRecord[] => SOUND.records.toSpliced(index, 1);
const TAINTED: readonly (readonly [string, Partial<Story>, string])[] = [
  ["an instant without slot or gap", { records: without(5) }, "12:00:03.000Z is not explained"],
  ["a gap that counts wrong", { records: SOUND.records.with(5, gap(2, 5, 4)) }, "counts 4, 3 are in it"],
  ["a gap over a slot", { records: SOUND.records.with(5, gap(1, 5, 3)) }, "12:00:02.000Z is a slot and lies in a gap"],
  ["two gaps over an instant", { records: SOUND.records.toSpliced(6, 0, gap(4, 5)) }, "lies in 2 gaps"],
  [
    "a slot that is no instant",
    { records: [...SOUND.records, claimed(6.5)] },
    "12:00:06.500Z was claimed and is no instant",
  ],
  ["a slot claimed twice", { records: [...SOUND.records, claimed(2)] }, "was claimed out of turn"],
  ["an attempt that nobody awaited", { records: [...SOUND.records, claimed(2, 2)] }, "was claimed out of turn"],
  ["an outcome told twice", { records: [...SOUND.records, finished(2)] }, "finished after its last word"],
  ["an outcome without a claim", { records: without(1) }, "finished after its last word, or without a claim"],
  ["work that ran twice", { ran: [...SOUND.ran, runId(2)] }, "ran 2 times"],
  ["work that ran without a claim", { ran: [...SOUND.ran, runId(4)] }, "ran without a claim"],
  ["work that is said to have run", { ran: [runId(1)] }, "is said to be a success and did not run"],
  ["work that is said to be skipped", { ran: [...SOUND.ran, runId(6)] }, "ran and is said to be skipped"],
  ["a refused retry that ran", { ran: [...SOUND.ran, runId(7, 2)] }, "ran and is said to be refused"],
  ["a retry refused that was not to be", { records: SOUND.records.toSpliced(9, 2) }, "a retry was refused that nobody"],
  [
    "a refusal of a retry told twice",
    { records: [...SOUND.records, ...refusedRetry(7).slice(-1)] },
    "after its last word",
  ],
  [
    "a failure said to be skipped",
    { records: SOUND.records.with(11, skipped(7, 2)) },
    "failed and is said to be skipped",
  ],
  ["runs that overlap", { records: SOUND.records.with(2, finished(1, 1500)) }, "had ended"],
  ["an event that is missing", { told: SOUND.told.slice(1) }, "was told 0 times"],
  ["an event that was told twice", { told: [...SOUND.told, ...SOUND.told.slice(0, 1)] }, "was told 2 times"],
];

test.each(TAINTED)("%s is found", async (_name, change, problem) => {
  expect((await problemsOf({ ...SOUND, ...change })).join("\n")).toContain(problem);
});

test("a run across a step of the clock is compared as it was lived", async () => {
  const DAY_MS = 86_400_000;
  const story = { ...SOUND, records: SOUND.records.with(2, finished(1, DAY_MS + 100)) };
  const asLived = (wallMs: number): number => (wallMs - START > DAY_MS / 2 ? wallMs - DAY_MS : wallMs);
  expect(await problemsOf(story, { asLived })).toEqual([]);
  const overlapping = { ...SOUND, records: SOUND.records.with(2, finished(1, DAY_MS + 1500)) };
  expect((await problemsOf(overlapping, { asLived })).join("\n")).toContain("had ended");
});
