import { appendFile, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Damage } from "../../shared/journal.ts";
import { openJournal, readJournal, readJournalBackwards } from "../../shared/journal.ts";
import { tempDir } from "../support/temp.ts";

const Entry = z.object({ n: z.int(), text: z.string().optional() });

async function read(
  file: string,
  reader: typeof readJournal = readJournal,
): Promise<{ numbers: number[]; damage: Omit<Damage, "file">[] }> {
  const numbers: number[] = [];
  const damage: Omit<Damage, "file">[] = [];
  const onDamage = ({ file: at, ...rest }: Damage): void => {
    expect(at).toBe(file);
    damage.push(rest);
  };
  for await (const { n } of reader(file, Entry, { onDamage })) numbers.push(n);
  return { numbers, damage };
}

const torn = (offset: number): Omit<Damage, "file"> => ({ offset, kind: "torn", reason: "the last line has no end" });

test("records come back in order, and backwards newest first", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "slots/hello/2026-01.jsonl");
  await using journal = await openJournal(file, Entry);
  await Promise.all([1, 2, 3].map((n) => journal.append({ n }, { sync: n === 3 })));
  expect(await read(file)).toEqual({ numbers: [1, 2, 3], damage: [] });
  expect(await read(file, readJournalBackwards)).toEqual({ numbers: [3, 2, 1], damage: [] });
  expect(await readFile(file, "utf8")).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("no file is no record", async () => {
  await using dir = await tempDir();
  expect(await read(join(dir.path, "none"))).toEqual({ numbers: [], damage: [] });
  expect(await read(join(dir.path, "none"), readJournalBackwards)).toEqual({ numbers: [], damage: [] });
});

describe.each([
  ["forwards", readJournal],
  ["backwards", readJournalBackwards],
] as const)("reading %s", (_name, reader) => {
  const inOrder = (numbers: number[]): number[] => (reader === readJournal ? numbers : numbers.toReversed());

  test("a torn last line is dropped, and said", async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "journal");
    await writeFile(file, '{"n":1}\n{"n":2}\n{"n":3}');
    expect(await read(file, reader)).toEqual({ numbers: inOrder([1, 2]), damage: [torn(16)] });
    await writeFile(file, '{"n"');
    expect(await read(file, reader)).toEqual({ numbers: [], damage: [torn(0)] });
  });

  test("a damaged middle line is reported and skipped", async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "journal");
    const lines = ['{"n":1}', "\0\0\0", '{"n":"x"}', '{"n":2}', "", '"\u00ff"', '{"n":3}'].join("\n");
    await writeFile(file, Buffer.from(`${lines}\n`, "latin1"));
    const { numbers, damage } = await read(file, reader);
    expect(numbers).toEqual(inOrder([1, 2, 3]));
    const reasons = damage.toSorted((a, b) => a.offset - b.offset);
    expect(reasons).toEqual([
      { offset: 8, kind: "damaged", reason: "no JSON" },
      { offset: 12, kind: "damaged", reason: expect.stringContaining("expected number") },
      { offset: 31, kind: "damaged", reason: "no UTF-8" },
    ]);
  });

  test("lines of every length come back over the seams of the chunks", async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "journal");
    await using journal = await openJournal(file, Entry);
    const lengths = [0, 1, 65_500, 65_524, 65_525, 65_526, 131_072, 200_000, 5];
    for (const [n, length] of lengths.entries()) await journal.append({ n, text: "é".repeat(length) }, { sync: false });
    const texts: number[] = [];
    for await (const { text } of reader(file, Entry)) texts.push(text?.length ?? -1);
    expect(texts).toEqual(inOrder(lengths));
  });

  test("a line longer than any of ours is skipped without being kept in memory", async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "journal");
    await writeFile(file, `{"n":1}\n${"x".repeat(3 * 1024 * 1024)}\n{"n":2}\n`);
    const { numbers, damage } = await read(file, reader);
    expect(numbers).toEqual(inOrder([1, 2]));
    expect(damage).toEqual([{ offset: 8, kind: "damaged", reason: "longer than 1048576 bytes" }]);
  });
});

test("backwards reads no more than is taken", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "journal");
  await writeFile(file, `${"damaged\n".repeat(20_000)}{"n":1}\n`);
  const damage: Damage[] = [];
  for await (const { n } of readJournalBackwards(file, Entry, { onDamage: (found) => void damage.push(found) })) {
    expect(n).toBe(1);
    break;
  }
  expect(damage).toEqual([]);
});

test("a torn tail is healed before the first record, and what was whole stays", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "journal");
  await writeFile(file, '{"n":1}\n{"n":2}');
  await using journal = await openJournal(file, Entry);
  await journal.append({ n: 3 });
  expect(await read(file)).toEqual({ numbers: [1, 3], damage: [] });
});

test("a damaged middle line is not touched by a writer", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "journal");
  await writeFile(file, 'garbage\n{"n":1}\n');
  await using journal = await openJournal(file, Entry);
  await journal.append({ n: 2 });
  expect(await readFile(file, "utf8")).toBe('garbage\n{"n":1}\n{"n":2}\n');
});

test("a journal that was moved away begins anew where it was", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "month/journal");
  await using journal = await openJournal(file, Entry);
  await journal.append({ n: 1 });
  await rename(file, join(dir.path, "elsewhere"));
  await journal.append({ n: 2 });
  expect((await read(file)).numbers).toEqual([2]);
  await rm(join(dir.path, "month"), { recursive: true });
  await journal.append({ n: 3 });
  expect((await read(file)).numbers).toEqual([3]);
});

test("what is no record, or too long for one, is refused and nothing is written", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "journal");
  await using journal = await openJournal(file, Entry);
  expect(() => journal.append({ n: 1.5 })).toThrow(`refused to write into ${file}`);
  expect(() => journal.append({ n: 1, text: "x".repeat(1024 * 1024) })).toThrow("more than 1048576");
  await journal.append({ n: 2 });
  expect(await readFile(file, "utf8")).toBe('{"n":2}\n');
});

test("a record being written by another process is no record yet", async () => {
  await using dir = await tempDir();
  await mkdir(join(dir.path, "slots"));
  const file = join(dir.path, "slots/journal");
  await writeFile(file, '{"n":1}\n{"n"');
  expect((await read(file)).numbers).toEqual([1]);
  await appendFile(file, ":2}\n");
  expect(await read(file)).toEqual({ numbers: [1, 2], damage: [] });
});
