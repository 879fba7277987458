import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import type { InstarError } from "../../shared/errors.ts";
import { editFile, makeFolder, openStore, replaceFile, writeSnapshot, writeTemporary } from "../../shared/store.ts";
import { tempDir } from "../support/temp.ts";

const Count = z.object({ count: z.int(), name: z.string().default("none") });
const ZERO = { count: 0, name: "none" };

test("a document is made private with the first update, and carries its version", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "state/gateway/count.json");
  const store = openStore(path, Count, ZERO, { version: 3 });
  expect(await store.read()).toEqual(ZERO);
  expect(await store.update((now) => ({ ...now, count: 7 }))).toEqual({ count: 7, name: "none" });
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ version: 3, count: 7, name: "none" });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(dir.path, "state"))).mode & 0o777).toBe(0o700);
  expect(await readdir(join(dir.path, "state/gateway"))).toEqual(["count.json"]);
});

test("updates made while a write is in flight are kept", async () => {
  await using dir = await tempDir();
  const store = openStore(join(dir.path, "count.json"), Count, ZERO, { version: 1 });
  await Promise.all(Array.from({ length: 20 }, () => store.update((now) => ({ ...now, count: now.count + 1 }))));
  expect(await store.read()).toEqual({ count: 20, name: "none" });
});

test("an update that fails leaves the document and the updates after it alone", async () => {
  await using dir = await tempDir();
  const store = openStore(join(dir.path, "count.json"), Count, ZERO, { version: 1 });
  const thrown = store.update(() => {
    throw new Error("no");
  });
  const unsound = store.update((now) => ({ ...now, count: 1.5 }));
  const sound = store.update((now) => ({ ...now, count: now.count + 1 }));
  await expect(thrown).rejects.toThrow("no");
  await expect(unsound).rejects.toThrow(`refused to write ${join(dir.path, "count.json")}`);
  expect(await sound).toEqual({ count: 1, name: "none" });
});

test("an older document is migrated when it is read, and written so by the next update", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "count.json");
  await writeFile(path, '{"version":1,"total":5}');
  const store = openStore(path, Count, ZERO, {
    version: 2,
    migrate: (document, version) => ({ count: document["total"], name: `from ${version}` }),
  });
  expect(await store.read()).toEqual({ count: 5, name: "from 1" });
  expect(await readFile(path, "utf8")).toBe('{"version":1,"total":5}');
  await store.update((now) => now);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ version: 2, count: 5, name: "from 1" });
});

const DAMAGED: readonly (readonly [string, string | Uint8Array, string])[] = [
  ["empty", "", "it is empty"],
  ["torn", '{"version":1,"cou', "it is no JSON"],
  ["of zeros", "\0\0\0\0", "it is no JSON"],
  ["a list", "[]", "it is no object with a version"],
  ["without a version", '{"count":1}', "it is no object with a version"],
  ["of another shape", '{"version":1,"count":"many"}', "Invalid input"],
  ["no text", new Uint8Array([0x22, 0xff, 0x22]), "it is no UTF-8"],
  ["too old to read", '{"version":0,"count":1}', "it is no object with a version"],
];

test.each(DAMAGED)("a document that is %s is reported, never overwritten", async (_how, content, reason) => {
  await using dir = await tempDir();
  const path = join(dir.path, "count.json");
  await writeFile(path, content);
  const store = openStore(path, Count, ZERO, { version: 1 });
  const wanted = { code: "STORE_CORRUPT", message: expect.stringContaining(`${path} is damaged: `) };
  await expect(store.read()).rejects.toMatchObject(wanted);
  await expect(store.update((now) => now)).rejects.toMatchObject(wanted);
  await expect(store.read()).rejects.toThrow(reason);
  expect(await readFile(path)).toEqual(Buffer.from(content));
  expect(await readdir(dir.path)).toEqual(["count.json"]);
});

test.each(DAMAGED)("a writer that must go on sets one that is %s aside and says so", async (_how, content) => {
  await using dir = await tempDir();
  const path = join(dir.path, "count.json");
  await writeFile(path, content);
  const told: [InstarError, string][] = [];
  const onDamage = (...damage: [InstarError, string]): number => told.push(damage);
  const store = openStore(path, Count, ZERO, { version: 1, onDamage });
  await expect(store.read()).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  expect(await store.update((now) => ({ ...now, count: now.count + 1 }))).toEqual({ count: 1, name: "none" });
  expect(told).toHaveLength(1);
  const aside = told[0]?.[1] ?? "";
  expect(aside).toMatch(/\/count\.json\.damaged-\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z$/);
  expect(await readFile(aside)).toEqual(Buffer.from(content));
  expect(await readdir(dir.path)).toHaveLength(2);
});

test("a document of a newer release is neither read nor set aside", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "count.json");
  await writeFile(path, '{"version":2,"count":1}');
  const told: string[] = [];
  const store = openStore(path, Count, ZERO, { version: 1, onDamage: (_error, aside) => void told.push(aside) });
  const wanted = { code: "STORE_CORRUPT", message: `${path} was written by a newer release (version 2)` };
  await expect(store.read()).rejects.toMatchObject(wanted);
  await expect(store.update((now) => now)).rejects.toMatchObject(wanted);
  expect(told).toEqual([]);
  expect(await readdir(dir.path)).toEqual(["count.json"]);
});

test("what killed writers left is removed, what others are writing is not", async () => {
  await using dir = await tempDir();
  const leftover = join(dir.path, ".count.json.1-aaaaaaaaaaaa.tmp");
  const current = join(dir.path, ".count.json.1-bbbbbbbbbbbb.tmp");
  await writeFile(leftover, "half");
  await writeFile(current, "half");
  const twoHoursAgoS = Date.now() / 1000 - 7200;
  await utimes(leftover, twoHoursAgoS, twoHoursAgoS);
  await openStore(join(dir.path, "count.json"), Count, ZERO, { version: 1 }).update((now) => now);
  expect((await readdir(dir.path)).toSorted()).toEqual([".count.json.1-bbbbbbbbbbbb.tmp", "count.json"]);
});

test("what killed writers left beside a snapshot is removed, and nothing else", async () => {
  await using dir = await tempDir();
  const longAgoS = Date.now() / 1000 - 7200;
  for (const name of ["view.json.123456789", "view.json.1.txt", "preview.json.1"]) {
    await writeFile(join(dir.path, name), "half");
    await utimes(join(dir.path, name), longAgoS, longAgoS);
  }
  await writeFile(join(dir.path, "view.json.987654321"), "half");
  await writeSnapshot(join(dir.path, "view.json"), {});
  expect((await readdir(dir.path)).toSorted()).toEqual([
    "preview.json.1",
    "view.json",
    "view.json.1.txt",
    "view.json.987654321",
  ]);
});

test("a temporary file can be given a free name, and never takes a taken one", async () => {
  await using dir = await tempDir();
  const target = join(dir.path, "thing");
  {
    await using temporary = await writeTemporary(dir.path, "thing", "mine");
    expect(await temporary.linkTo(target)).toBe(true);
    expect(await temporary.linkTo(target)).toBe(false);
  }
  expect(await readdir(dir.path)).toEqual(["thing"]);
  expect(await readFile(target, "utf8")).toBe("mine");
});

test("a refused write says what was refused and why", async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, "file"), "");
  await expect(replaceFile(join(dir.path, "missing/file"), "x")).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: `could not write ${join(dir.path, "missing/file")}: its folder does not exist`,
  });
  await expect(makeFolder(join(dir.path, "file/folder"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test.skipIf(process.getuid?.() === 0)("a folder that is not ours is named", async () => {
  await using dir = await tempDir();
  await chmod(dir.path, 0o500);
  await expect(replaceFile(join(dir.path, "file"), "x")).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: `could not write ${join(dir.path, "file")}: permission denied`,
  });
  await chmod(dir.path, 0o700);
});

test("an edit gets null for no file, follows a link, and writes nothing when nothing changed", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "jobs.json");
  const seen: (string | null)[] = [];
  await mkdir(join(dir.path, "collection"));
  await symlink("collection/jobs.json", path);
  await writeFile(join(dir.path, "collection/jobs.json"), "[1]\n");
  await editFile(path, (text) => {
    seen.push(text);
    return "[2]\n";
  });
  const before = await stat(path);
  await editFile(path, (text) => text ?? "");
  expect((await stat(path)).ino).toBe(before.ino);
  await editFile(join(dir.path, "other"), (text) => {
    seen.push(text);
    return "new";
  });
  expect(seen).toEqual(["[1]\n", null]);
  expect(await readFile(join(dir.path, "collection/jobs.json"), "utf8")).toBe("[2]\n");
  expect((await readdir(dir.path)).toSorted()).toEqual(["collection", "jobs.json", "other"]);
});

test("an edit that throws changes nothing and frees the lock", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "jobs.json");
  await writeFile(path, "before");
  const refuse = (): string => {
    throw new Error("not so");
  };
  await expect(editFile(path, refuse)).rejects.toThrow("not so");
  expect(await readFile(path, "utf8")).toBe("before");
  expect(await readdir(dir.path)).toEqual(["jobs.json"]);
});

test("a file that is no text is not edited", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "jobs.json");
  await writeFile(path, new Uint8Array([0x5b, 0xff, 0x5d]));
  await expect(editFile(path, () => "[]")).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  expect(await readFile(path)).toEqual(Buffer.from([0x5b, 0xff, 0x5d]));
});

test("edits in one process wait for each other", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "list");
  const names = ["a", "b", "c", "d", "e"];
  await Promise.all(names.map((name) => editFile(path, (text) => `${text ?? ""}${name}`, { waitMs: 60_000 })));
  expect((await readFile(path, "utf8")).split("").toSorted()).toEqual(names);
});

test("a snapshot is whole and private", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "run/status.json");
  await Promise.all([1, 2, 3].map((n) => writeSnapshot(path, { n })));
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ n: expect.any(Number) });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(dir.path, "run"))).toEqual(["status.json"]);
});
