import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { openJournal, readJournal } from "../../shared/journal.ts";
import { openSpool } from "../../shared/spool.ts";
import { editFile, openStore } from "../../shared/store.ts";
import { inParallel, runKeeper, strikePoints } from "../support/file-steps.ts";
import type { Ended, StrikePoint } from "../support/file-steps.ts";
import { tempDir } from "../support/temp.ts";

/** What was promised before the kill must be there after it, whole, and the work must go on from it. */
interface Case {
  readonly prepare?: (folder: string) => Promise<unknown>;
  readonly words: readonly string[];
  readonly check: (folder: string, killed: Ended, point: StrikePoint) => Promise<void>;
}

const cases: Readonly<Record<string, Case>> = {
  "a document": {
    words: ["store", "2"],
    async check(folder, killed) {
      const promised = killed.lines.length;
      const file = join(folder, "state/count.json");
      const text = await readFile(file, "utf8").catch(() => null);
      const count = text === null ? 0 : z.object({ count: z.int() }).parse(JSON.parse(text)).count;
      expect([promised, promised + 1]).toContain(count);
      const store = openStore(file, z.object({ count: z.int() }), { count: 0 }, { version: 1 });
      expect(await store.update((now) => ({ count: now.count + 1 }))).toEqual({ count: count + 1 });
    },
  },
  "a journal": {
    words: ["journal", "1", "3"],
    async check(folder, killed) {
      const promised = killed.lines.length;
      const before = await numbers(folder);
      expect([promised, promised + 1]).toContain(before.length);
      await using journal = await openJournal(join(folder, "state/month.jsonl"), Numbered);
      for (let number = before.length + 1; number <= 5; number++) await journal.append({ number });
      expect(await numbers(folder)).toEqual([1, 2, 3, 4, 5]);
    },
  },
  "filling a spool": {
    words: ["put", "a"],
    async check(folder, killed) {
      const spool = openSpool(join(folder, "spool"), Named);
      const promised = killed.lines.map((line) => line.split(" ")[1]);
      const there = await spool.list();
      expect(there).toEqual(expect.arrayContaining(promised));
      for (const name of there) expect(await spool.take(name)).toEqual({ name });
      expect(await spool.put("a", { name: "a" })).toBe(there.includes("a") ? "known" : "stored");
      expect(await spool.put("b", { name: "b" })).toBe("stored");
      expect(await spool.list()).toEqual(["a", "b"]);
    },
  },
  "emptying a spool": {
    async prepare(folder) {
      const spool = openSpool(join(folder, "spool"), Named);
      for (const name of ["b", "a"]) await spool.put(name, { name });
      await spool.list();
    },
    words: ["empty", "/dev/null"],
    async check(folder, killed) {
      const spool = openSpool(join(folder, "spool"), Named);
      const left = ["b", "a"].slice(killed.lines.length);
      const found = await spool.list();
      // What was done stays done, the order stays; the one in hand may be done already.
      expect([left, left.slice(1)]).toContainEqual(found);
      for (const name of found) {
        expect(await spool.take(name)).toEqual({ name });
        await spool.done(name);
      }
      expect((await readdir(join(folder, "spool/done"))).toSorted()).toEqual(["a.json", "b.json"]);
      expect(await readdir(join(folder, "spool/new"))).toEqual([]);
    },
  },
  "a hand-edited file": {
    prepare: (folder) => writeFile(join(folder, "hand.txt"), "w\n"),
    words: ["edit", "2000", "60000", "x"],
    async check(folder, killed) {
      const text = await readFile(join(folder, "hand.txt"), "utf8");
      expect(killed.lines.length > 0 ? ["w\nx\n"] : ["w\n", "w\nx\n"]).toContain(text);
      // The lock of the dead holds others up only until it is stale.
      await editFile(join(folder, "hand.txt"), (now) => `${now ?? ""}z\n`, { staleMs: 2000, waitMs: 60_000 });
      expect(await readFile(join(folder, "hand.txt"), "utf8")).toBe(`${text}z\n`);
      // Nor does what the dead left stay.
      expect(await readdir(folder)).toEqual(["hand.txt"]);
    },
  },
};

test.each(Object.entries(cases))("%s survives SIGKILL at every step", async (_name, { prepare, words, check }) => {
  await using dir = await tempDir();
  await fresh(join(dir.path, "undisturbed"), prepare);
  const points = await strikePoints(words, join(dir.path, "undisturbed"), join(dir.path, "log"));
  expect(points.length).toBeGreaterThan(14);
  let struck = 0;
  await inParallel(points, 6, async (point) => {
    const folder = join(dir.path, `${point.step}-${point.when}`);
    await fresh(folder, prepare);
    const killed = await runKeeper(words, { folder, strike: point });
    if (killed.signal === "SIGKILL") struck += 1;
    await explained(point, check(folder, killed, point));
  });
  expect(struck).toBe(points.length);
});

async function fresh(folder: string, prepare?: (folder: string) => Promise<unknown>): Promise<void> {
  await mkdir(folder);
  await prepare?.(folder);
}

/** Says at which point it failed. */
async function explained(point: StrikePoint, checked: Promise<void>): Promise<void> {
  await checked.catch((error: unknown) => {
    throw new Error(`killed ${point.when} "${point.what}": ${String(error)}`, { cause: error });
  });
}

async function numbers(folder: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { number } of readJournal(join(folder, "state/month.jsonl"), Numbered)) found.push(number);
  return found;
}

const Numbered = z.object({ number: z.int() });
const Named = z.object({ name: z.string() });
