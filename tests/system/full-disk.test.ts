import { readdir, readFile, statfs, truncate, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { openJournal, readJournal } from "../../shared/journal.ts";
import { openSpool } from "../../shared/spool.ts";
import { editFile, openStore, writeSnapshot } from "../../shared/store.ts";
import { tinyDisk } from "../support/tiny-disk.ts";

const disk = await tinyDisk();
const path = disk?.path ?? "";
afterAll(() => disk?.[Symbol.asyncDispose]());

const PAGE = 4096;
const LARGE = "x".repeat(5 * PAGE);
const Text = z.object({ text: z.string() });

/** Takes all room but so many pages; gives it back when disposed. */
async function fill(pagesLeft: number): Promise<AsyncDisposable> {
  const filler = join(path, "filler");
  const { bavail, bsize } = await statfs(path);
  await writeFile(filler, Buffer.alloc(Math.max(0, bavail - pagesLeft) * bsize));
  return { [Symbol.asyncDispose]: () => unlink(filler) };
}

test.skipIf(disk === null)(
  "a document that finds no room stays as it was, and is written when there is room",
  async () => {
    const file = join(path, "document.json");
    const store = openStore(file, Text, { text: "" }, { version: 1 });
    await store.update(() => ({ text: "good" }));
    for (const pagesLeft of [0, 1, 3]) {
      await using _full = await fill(pagesLeft);
      await expect(store.update(() => ({ text: LARGE }))).rejects.toMatchObject({
        code: "STORE_FULL",
        message: `could not write ${file}: no room on the disk`,
        hint: "free some room; what was there before is unharmed",
      });
      expect(await store.read()).toEqual({ text: "good" });
      expect(leftovers(await readdir(path))).toEqual([]);
    }
    await store.update(() => ({ text: LARGE }));
    expect(await store.read()).toEqual({ text: LARGE });
    await unlink(file);
  },
);

test.skipIf(disk === null)(
  "a record that finds no room leaves nothing of itself, and the next one follows the last",
  async () => {
    const file = join(path, "journal.jsonl");
    await using journal = await openJournal(file, Text);
    await journal.append({ text: "good" });
    for (const pagesLeft of [0, 1, 3]) {
      await using _full = await fill(pagesLeft);
      await expect(journal.append({ text: LARGE })).rejects.toMatchObject({
        code: "STORE_FULL",
        message: `could not write ${file}: no room on the disk`,
      });
      expect(await readFile(file, "utf8")).toBe('{"text":"good"}\n');
      // What still fits is written.
      await journal.append({ text: String(pagesLeft) });
      await truncate(file, 16);
    }
    await journal.append({ text: LARGE });
    const texts: string[] = [];
    for await (const { text } of readJournal(file, Text)) texts.push(text);
    expect(texts).toEqual(["good", LARGE]);
    await unlink(file);
  },
);

test.skipIf(disk === null)("a spool refuses what finds no room, and can be emptied all the same", async () => {
  const folder = join(path, "spool");
  const spool = openSpool(folder, Text);
  await spool.put("a", { text: "a" });
  await spool.done("a");
  await spool.put("b", { text: "b" });
  {
    await using _full = await fill(0);
    await expect(spool.put("c", { text: LARGE })).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
    expect(await spool.list()).toEqual(["b"]);
    expect(await spool.take("b")).toEqual({ text: "b" });
    await spool.done("b");
    expect(await spool.list()).toEqual([]);
  }
  expect(await spool.put("c", { text: LARGE })).toBe("stored");
  expect(await openSpool(folder, Text).list()).toEqual(["c"]);
});

test.skipIf(disk === null)("an edit that finds no room leaves the file and no lock", async () => {
  const file = join(path, "hand.txt");
  await editFile(file, () => "good");
  {
    await using _full = await fill(0);
    await expect(editFile(file, () => LARGE)).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(await readFile(file, "utf8")).toBe("good");
    expect(leftovers(await readdir(path))).toEqual([]);
  }
  await editFile(file, (text) => `${text} again`);
  expect(await readFile(file, "utf8")).toBe("good again");
});

test.skipIf(disk === null)("a snapshot is written again when there is room", async () => {
  const file = join(path, "status.json");
  await writeSnapshot(file, { text: "good" });
  {
    await using _full = await fill(0);
    await expect(writeSnapshot(file, { text: LARGE })).rejects.toMatchObject({ code: "STORE_FULL" });
  }
  await writeSnapshot(file, { text: "again" });
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ text: "again" });
});

function leftovers(names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(".") || name.endsWith(".lock"));
}
