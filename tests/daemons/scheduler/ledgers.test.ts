import { appendFile, mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isoInstant } from "../../../shared/clock.ts";
import { agentPaths } from "../../../shared/paths.ts";
import {
  emptyLedger,
  type Ledger,
  loadLedger,
  monthFiles,
  slotFolder,
  type SlotRecord,
} from "../../../shared/slots.ts";
import { type LedgersDeps, openLedgers } from "../../../daemons/scheduler/ledgers.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp.ts";

const START = Date.parse("2026-11-20T12:00:00.000Z");
const at = (second: number): string => isoInstant(START + second * 1000);

const FIRST: SlotRecord = {
  v: 1,
  type: "considered",
  at: at(0),
  until: at(0),
  schedule: "@every 1s UTC",
  standing: "on",
  reason: "first seen",
};
const claimed = (second: number): SlotRecord => ({
  v: 1,
  type: "claimed",
  at: at(second),
  slot: at(second),
  attempt: 1,
  trigger: "schedule",
});
const finished = (second: number): SlotRecord => ({
  v: 1,
  type: "finished",
  at: at(second),
  slot: at(second),
  attempt: 1,
  outcome: "success",
  startedAt: at(second),
  endedAt: at(second),
  exitCode: 0,
  signal: null,
});
const runs = (count: number): SlotRecord[] =>
  Array.from({ length: count }, (_, second) => [claimed(second + 1), finished(second + 1)]).flat();

async function testLedgers(path: string, more: Partial<LedgersDeps> = {}) {
  const paths = agentPaths(path);
  const clock = createFakeClock(START);
  const warned: object[] = [];
  const warn = (fields: object | string): void => void warned.push(Object(fields));
  const ledgers = await openLedgers({ paths, clock, log: { warn }, ...more });
  return { paths, clock, warned, ledgers };
}

/** But for where a reader would begin. */
const known = (ledger: Ledger): object => ({ ...ledger, sinceCheckpoint: 0 });

test("what is appended is known, and is known again after a restart", async () => {
  await using dir = await tempDir();
  const { ledgers, ...rest } = await testLedgers(dir.path);
  expect(ledgers.of("beat")).toEqual(emptyLedger());
  await ledgers.append("beat", [FIRST, claimed(1)]);
  await ledgers.append("beat", [finished(1), claimed(2)]);
  const before = ledgers.of("beat");
  expect([...before.open.keys()]).toEqual([at(2)]);
  expect(before).toMatchObject({ watermark: START + 2000, lastOutcome: "success" });
  await ledgers[Symbol.asyncDispose]();
  const again = await testLedgers(dir.path);
  await using second = again.ledgers;
  expect(second.slugs()).toEqual(["beat"]);
  expect(second.of("beat")).toEqual(before);
  expect(rest.warned).toEqual([]);
});

test("each record is told once it is written, with the ledgers around it", async () => {
  await using dir = await tempDir();
  const told: unknown[] = [];
  const { ledgers } = await testLedgers(dir.path, {
    onRecord: (slug, record, before, after) => told.push([slug, record.type, before.open.size, after.open.size]),
  });
  await using _ = ledgers;
  await ledgers.append("beat", [FIRST, claimed(1), claimed(2), finished(1)]);
  expect(told).toEqual([
    ["beat", "considered", 0, 0],
    ["beat", "claimed", 0, 1],
    ["beat", "claimed", 1, 2],
    ["beat", "finished", 2, 1],
  ]);
});

test("appends to one job keep their order, however many wait", async () => {
  await using dir = await tempDir();
  const { ledgers, paths } = await testLedgers(dir.path);
  await Promise.all(Array.from({ length: 40 }, (_, second) => ledgers.append("beat", [claimed(second)])));
  await ledgers[Symbol.asyncDispose]();
  const { recent } = await loadLedger(paths, "beat", { recentMin: 100 });
  expect(recent.map((record) => "slot" in record && record.slot)).toEqual(
    Array.from({ length: 40 }, (_, second) => at(second)),
  );
});

test("more jobs than journals that are kept open", async () => {
  await using dir = await tempDir();
  const { ledgers, paths } = await testLedgers(dir.path);
  const slugs = Array.from({ length: 80 }, (_, index) => `job-${index}`);
  for (const second of [1, 2]) await Promise.all(slugs.map((slug) => ledgers.append(slug, [claimed(second)])));
  const held = (await readdir("/proc/self/fd")).length;
  await ledgers[Symbol.asyncDispose]();
  expect(held - (await readdir("/proc/self/fd")).length).toBeLessThanOrEqual(33);
  for (const slug of slugs) expect((await loadLedger(paths, slug)).ledger.open.size).toBe(2);
});

test("with 10,000 finished runs a restart and a reader read what a few hundred records take", async () => {
  await using dir = await tempDir();
  const first = await testLedgers(dir.path);
  await first.ledgers.append("beat", [FIRST, claimed(0.5)]);
  for (const part of Array.from({ length: 100 }, (_, index) => runs(10_000).slice(index * 200, index * 200 + 200)))
    await first.ledgers.append("beat", part);
  const before = first.ledgers.of("beat");
  await first.ledgers[Symbol.asyncDispose]();
  const { recent, ledger } = await loadLedger(first.paths, "beat");
  expect(recent.length).toBeLessThan(300);
  // The slot that was open from the start is known nonetheless.
  expect([...ledger.open.keys()]).toEqual([at(0.5)]);
  const second = await testLedgers(dir.path);
  expect(known(second.ledgers.of("beat"))).toEqual(known(before));
  await second.ledgers[Symbol.asyncDispose]();
});

test("a new month begins with all that is known", async () => {
  await using dir = await tempDir();
  const { ledgers, paths, clock } = await testLedgers(dir.path);
  await ledgers.append("beat", [FIRST, claimed(1)]);
  clock.step(15 * 86_400_000);
  await ledgers.append("beat", [claimed(2)]);
  const after = ledgers.of("beat");
  await ledgers[Symbol.asyncDispose]();
  expect(await monthFiles(paths, "beat")).toEqual(["2026-11.jsonl", "2026-12.jsonl"]);
  await writeFile(join(slotFolder(paths, "beat"), "2026-11.jsonl"), "");
  expect(known((await loadLedger(paths, "beat")).ledger)).toEqual(known(after));
});

test("a clock that is set back over the end of a month does not put records before earlier ones", async () => {
  await using dir = await tempDir();
  const { ledgers, paths, clock } = await testLedgers(dir.path);
  const writtenAt = (name: string, atMs: number): Promise<void> =>
    utimes(join(slotFolder(paths, "beat"), name), atMs / 1000, atMs / 1000);
  clock.step(15 * 86_400_000);
  await ledgers.append("beat", [claimed(1)]);
  await writtenAt("2026-12.jsonl", clock.now());
  clock.step(-15 * 86_400_000);
  await ledgers.append("beat", [finished(1)]);
  await writtenAt("2026-12.jsonl", clock.now());
  expect(await monthFiles(paths, "beat")).toEqual(["2026-12.jsonl"]);
  // The month in which the clock is right again ends, and with it the file of no month.
  clock.step(15 * 86_400_000);
  await ledgers.append("beat", [claimed(2)]);
  expect(await monthFiles(paths, "beat")).toEqual(["2026-12.jsonl"]);
  await ledgers[Symbol.asyncDispose]();
  expect([...(await loadLedger(paths, "beat")).ledger.open.keys()]).toEqual([at(2)]);
});

test("a journal that is years ahead gets a new file each month nonetheless", async () => {
  await using dir = await tempDir();
  const { ledgers, paths, clock } = await testLedgers(dir.path);
  clock.step(1500 * 86_400_000);
  await ledgers.append("beat", [claimed(1)]);
  const [ahead = ""] = await monthFiles(paths, "beat");
  expect(ahead).toBe("2030-12.jsonl");
  clock.step(-1500 * 86_400_000);
  await ledgers.append("beat", [claimed(2)]);
  await utimes(join(slotFolder(paths, "beat"), ahead), clock.now() / 1000, clock.now() / 1000);
  clock.step(15 * 86_400_000);
  await ledgers.append("beat", [claimed(3)]);
  await ledgers[Symbol.asyncDispose]();
  expect(await monthFiles(paths, "beat")).toEqual(["2030-12.jsonl", "2031-01.jsonl"]);
  expect([...(await loadLedger(paths, "beat")).ledger.open.keys()]).toEqual([at(1), at(2), at(3)]);
});

test("what could not be written is not known, and the next append works again", async () => {
  await using dir = await tempDir();
  const { ledgers, paths } = await testLedgers(dir.path);
  await using _ = ledgers;
  await mkdir(join(paths.state("scheduler"), "slots"), { recursive: true });
  await writeFile(slotFolder(paths, "beat"), "a file where the folder should be");
  await expect(ledgers.append("beat", [claimed(1)])).rejects.toThrow("slots/beat");
  expect(ledgers.of("beat")).toEqual(emptyLedger());
  await ledgers.append("other", [claimed(1)]);
  expect(ledgers.of("other").open.size).toBe(1);
});

test("a torn tail and a damaged line are no records; the damage is told", async () => {
  await using dir = await tempDir();
  const { ledgers, paths } = await testLedgers(dir.path);
  await ledgers.append("beat", [FIRST, claimed(1)]);
  await ledgers[Symbol.asyncDispose]();
  const file = join(slotFolder(paths, "beat"), "2026-11.jsonl");
  await appendFile(file, `damaged\n${JSON.stringify(claimed(2))}\n{"v":1,"type":"fini`);
  const again = await testLedgers(dir.path);
  expect([...again.ledgers.of("beat").open.keys()]).toEqual([at(1), at(2)]);
  expect(again.warned).toMatchObject([{ kind: "torn" }, { kind: "damaged" }]);
  await again.ledgers.append("beat", [finished(2)]);
  await again.ledgers[Symbol.asyncDispose]();
  expect((await readFile(file, "utf8")).trimEnd().split("\n").at(-1)).toBe(JSON.stringify(finished(2)));
});
