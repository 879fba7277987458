import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isoInstant } from "../../../shared/clock.ts";
import { type AgentPaths, agentPaths, exists } from "../../../shared/paths.ts";
import { runFolder, runsFolder } from "../../../shared/runs.ts";
import { emptyLedger, type Ledger, monthFiles, slotFolder } from "../../../shared/slots.ts";
import { MAX_REMOVALS, type RetentionDeps, sweep } from "../../../daemons/scheduler/retention.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp.ts";

const NOW = Date.parse("2026-11-20T12:00:00.000Z");
const DAY = 86_400_000;

function testRetention(path: string, ledgers: Record<string, Partial<Ledger>> = {}) {
  const paths = agentPaths(path);
  const forgotten: string[] = [];
  const deps: RetentionDeps = {
    paths,
    clock: createFakeClock(NOW),
    log: { info: () => undefined },
    ledgers: {
      slugs: () => Object.keys(ledgers),
      of: (slug) => ({ ...emptyLedger(), standing: "on", ...ledgers[slug] }),
      forget: (slug) => void forgotten.push(slug),
    },
  };
  return { paths, deps, forgotten };
}

async function makeRun(paths: AgentPaths, atMs: number, attempt = 1): Promise<string> {
  const folder = runFolder(paths, { slug: "beat", slot: isoInstant(atMs), attempt });
  await mkdir(join(folder, "gate"), { recursive: true });
  await writeFile(join(folder, "output"), "said");
  return folder;
}

async function makeMonths(paths: AgentPaths, ...months: readonly string[]): Promise<void> {
  await mkdir(slotFolder(paths, "beat"), { recursive: true });
  for (const month of months) await writeFile(join(slotFolder(paths, "beat"), `${month}.jsonl`), "");
}

test("runs are kept for 30 days, by their instants", async () => {
  await using dir = await tempDir();
  const { paths, deps } = testRetention(dir.path);
  const [old, young] = [await makeRun(paths, NOW - 30 * DAY - 1), await makeRun(paths, NOW - 30 * DAY + 1)];
  await utimes(young, 0, 0);
  expect(await sweep(deps)).toEqual({ removed: 1, isDone: true });
  expect([await exists(old), await exists(young)]).toEqual([false, true]);
  expect(await sweep(deps)).toEqual({ removed: 0, isDone: true });
});

test("of each job the last 500 are kept", async () => {
  await using dir = await tempDir();
  const { paths, deps } = testRetention(dir.path);
  for (let index = 0; index < 502; index += 1) await makeRun(paths, NOW - index * 1000);
  const oldest = await makeRun(paths, NOW - 501 * 1000, 2);
  expect(await sweep(deps)).toEqual({ removed: 3, isDone: true });
  expect(await readdir(runsFolder(paths, "beat"))).toHaveLength(500);
  expect(await exists(oldest)).toBe(false);
});

test("a run of a slot that is open is never taken", async () => {
  await using dir = await tempDir();
  const slot = isoInstant(NOW - 40 * DAY);
  const open = new Map([
    [slot, { slot, attempt: 2, trigger: "retry", firstTrigger: "schedule", claimedAt: slot } as const],
  ]);
  const { paths, deps } = testRetention(dir.path, { beat: { open } });
  const kept = [await makeRun(paths, NOW - 40 * DAY), await makeRun(paths, NOW - 40 * DAY, 2)];
  expect(await sweep(deps)).toEqual({ removed: 0, isDone: true });
  for (const folder of kept) expect(await exists(folder)).toBe(true);
});

test("what is no run is left alone", async () => {
  await using dir = await tempDir();
  const { paths, deps } = testRetention(dir.path);
  const notes = join(runsFolder(paths, "beat"), "20200101-notes");
  await mkdir(notes, { recursive: true });
  expect(await sweep(deps)).toEqual({ removed: 0, isDone: true });
  expect(await exists(notes)).toBe(true);
});

test("a round takes only so much, and says that there is more", async () => {
  await using dir = await tempDir();
  const { paths, deps } = testRetention(dir.path);
  for (let index = 0; index < MAX_REMOVALS + 5; index += 1) await makeRun(paths, NOW - 50 * DAY - index * 1000);
  expect(await sweep(deps)).toEqual({ removed: MAX_REMOVALS, isDone: false });
  expect(await sweep(deps)).toEqual({ removed: 5, isDone: true });
});

test("slot journals are kept for 13 months, the newest for as long as there is the job", async () => {
  await using dir = await tempDir();
  const { paths, deps } = testRetention(dir.path, { beat: {} });
  await makeMonths(paths, "2025-08", "2025-09", "2025-10", "2026-11");
  expect(await sweep(deps)).toEqual({ removed: 2, isDone: true });
  expect(await monthFiles(paths, "beat")).toEqual(["2025-10.jsonl", "2026-11.jsonl"]);
  await using other = await tempDir();
  const seldom = testRetention(other.path, { beat: {} });
  await makeMonths(seldom.paths, "2024-01", "2025-01");
  await sweep(seldom.deps);
  expect(await monthFiles(seldom.paths, "beat")).toEqual(["2025-01.jsonl"]);
});

test("a journal whose name is years ahead goes by when it was written", async () => {
  await using dir = await tempDir();
  const { paths, deps } = testRetention(dir.path, { beat: {} });
  await makeMonths(paths, "2030-01", "2030-02", "2030-03");
  const touch = (month: string, atMs: number): Promise<void> =>
    utimes(join(slotFolder(paths, "beat"), `${month}.jsonl`), atMs / 1000, atMs / 1000);
  await touch("2030-01", NOW - 500 * DAY);
  await touch("2030-02", NOW - 300 * DAY);
  expect(await sweep(deps)).toEqual({ removed: 1, isDone: true });
  expect(await monthFiles(paths, "beat")).toEqual(["2030-02.jsonl", "2030-03.jsonl"]);
});

test("of a removed job nothing is left after 13 months", async () => {
  await using dir = await tempDir();
  const { paths, deps, forgotten } = testRetention(dir.path, { beat: { standing: "removed" } });
  await makeMonths(paths, "2024-01", "2025-01");
  expect(await sweep(deps)).toEqual({ removed: 2, isDone: true });
  expect(await exists(slotFolder(paths, "beat"))).toBe(false);
  expect(forgotten).toEqual(["beat"]);
});

test("what the disk refuses is told, with its place", async () => {
  await using dir = await tempDir();
  const { paths, deps } = testRetention(dir.path);
  await mkdir(paths.state("scheduler"), { recursive: true });
  await writeFile(runsFolder(paths), "a file where the folder should be");
  await expect(sweep(deps)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("scheduler"),
  });
});
