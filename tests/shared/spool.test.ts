import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { openSpool } from "../../shared/spool.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/until.ts";

const Message = z.object({ text: z.string() });

test("what is put in is taken out whole, once", async () => {
  await using dir = await tempDir();
  const spool = openSpool(join(dir.path, "inbound"), Message);
  expect(await spool.list()).toEqual([]);
  expect(await spool.put("bot1-7", { text: "hello" })).toBe("stored");
  expect(await spool.put("bot1-7", { text: "hello again" })).toBe("known");
  expect(await spool.list()).toEqual(["bot1-7"]);
  expect(await spool.take("bot1-7")).toEqual({ text: "hello" });
  await spool.done("bot1-7");
  await spool.done("bot1-7");
  expect(await spool.list()).toEqual([]);
  expect(await spool.take("bot1-7")).toBeNull();
  expect(await spool.put("bot1-7", { text: "hello" })).toBe("known");
});

test("many writers of one name store it once", async () => {
  await using dir = await tempDir();
  const spool = openSpool(dir.path, Message);
  const put = await Promise.all(Array.from({ length: 8 }, (_, at) => spool.put("same", { text: String(at) })));
  expect(put.toSorted()).toEqual([...Array.from({ length: 7 }, () => "known"), "stored"]);
  expect(await readdir(join(dir.path, "tmp"))).toEqual([]);
});

test("the order of first sight is kept, whatever the clock does, over a restart", async () => {
  await using dir = await tempDir();
  const spool = openSpool(dir.path, Message);
  await spool.put("later", { text: "1" });
  expect(await spool.list()).toEqual(["later"]);
  await spool.put("early-10", { text: "2" });
  await spool.put("early-9", { text: "3" });
  // The clock was put back.
  for (const name of ["early-10", "early-9"]) await utimes(join(dir.path, `new/${name}.json`), 1000, 1000);
  expect(await spool.list()).toEqual(["later", "early-9", "early-10"]);
  const restarted = openSpool(dir.path, Message);
  await restarted.put("earliest", { text: "4" });
  await utimes(join(dir.path, "new/earliest.json"), 1, 1);
  expect(await restarted.list()).toEqual(["later", "early-9", "early-10", "earliest"]);
});

test("what cannot be read is set aside with its reason, and the others go on", async () => {
  await using dir = await tempDir();
  const spool = openSpool(dir.path, Message);
  await spool.put("good", { text: "x" });
  await writeFile(join(dir.path, "new/empty.json"), "");
  await writeFile(join(dir.path, "new/shape.json"), '{"text":5}');
  await writeFile(join(dir.path, "new/large.json"), `"${"x".repeat(1024 * 1024)}"`);
  for (const name of ["empty", "shape", "large"]) expect(await spool.take(name)).toBeNull();
  expect(await spool.list()).toEqual(["good"]);
  expect(await readFile(join(dir.path, "dead/empty.json"), "utf8")).toBe("");
  expect(await readFile(join(dir.path, "dead/empty.json.reason"), "utf8")).toContain("it is no JSON");
  expect(await readFile(join(dir.path, "dead/shape.json.reason"), "utf8")).toContain("expected string");
  expect(await readFile(join(dir.path, "dead/large.json.reason"), "utf8")).toContain("more than 1048576");
});

test("a foreign file is set aside, a hidden one left alone", async () => {
  await using dir = await tempDir();
  const spool = openSpool(dir.path, Message);
  await mkdir(join(dir.path, "new/folder.json"), { recursive: true });
  await writeFile(join(dir.path, "new/what is this"), "mine");
  await writeFile(join(dir.path, "new/.nfs000"), "");
  expect(await spool.list()).toEqual([]);
  expect(await readdir(join(dir.path, "new"))).toEqual([".nfs000"]);
  expect(await readFile(join(dir.path, "dead/what is this"), "utf8")).toBe("mine");
  expect(await readFile(join(dir.path, "dead/folder.json.reason"), "utf8")).toContain("no thing that was put");
});

test("what is dead stays known until a person acts", async () => {
  await using dir = await tempDir();
  const spool = openSpool(dir.path, Message);
  await spool.put("a", { text: "x" });
  await spool.dead("a", "refused by the channel");
  expect(await spool.list()).toEqual([]);
  expect(await spool.put("a", { text: "x" })).toBe("known");
  expect(await readFile(join(dir.path, "dead/a.json.reason"), "utf8")).toBe("refused by the channel\n");
  await spool.sweep({ olderThanMs: 0 });
  expect((await readdir(join(dir.path, "dead"))).toSorted()).toEqual(["a.json", "a.json.reason"]);
});

test("done things are forgotten by age", async () => {
  await using dir = await tempDir();
  const spool = openSpool(dir.path, Message);
  await spool.put("a", { text: "x" });
  await spool.done("a");
  await spool.sweep({ olderThanMs: 3_600_000 });
  expect(await readdir(join(dir.path, "done"))).toEqual(["a.json"]);
  await until(async () => {
    await spool.sweep({ olderThanMs: 0 });
    return (await readdir(join(dir.path, "done"))).length === 0;
  });
  expect(await spool.put("a", { text: "x" })).toBe("stored");
});

test("an order that was being written by one who was killed does not stay", async () => {
  await using dir = await tempDir();
  const spool = openSpool(dir.path, Message);
  await spool.put("a", { text: "x" });
  await spool.list();
  const leftover = join(dir.path, ".order.1-aaaaaaaaaaaa.tmp");
  await writeFile(leftover, "half");
  for (const file of [leftover, join(dir.path, "order")]) await utimes(file, 1, 1);
  await spool.sweep({ olderThanMs: 3_600_000 });
  expect((await readdir(dir.path)).toSorted()).toEqual(["new", "order", "tmp"]);
});

test("a thing that was put again while it was being done is not taken twice", async () => {
  await using dir = await tempDir();
  const spool = openSpool(dir.path, Message);
  await spool.put("a", { text: "x" });
  await spool.done("a");
  await writeFile(join(dir.path, "new/a.json"), '{"text":"x"}');
  expect(await spool.list()).toEqual(["a"]);
  expect(await spool.take("a")).toBeNull();
  expect(await readdir(join(dir.path, "new"))).toEqual([]);
});

test.each(["", ".hidden", "../out", "a/b", "x".repeat(201), "with space", "ü"])("%j names no thing", async (name) => {
  await using dir = await tempDir();
  const spool = openSpool(join(dir.path, "spool"), Message);
  await expect(spool.put(name, { text: "" })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  await expect(spool.take(name)).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  expect(await readdir(dir.path)).toEqual([]);
});

test("what is too large is refused before anything is written", async () => {
  await using dir = await tempDir();
  const spool = openSpool(join(dir.path, "spool"), Message);
  await expect(spool.put("a", { text: "x".repeat(1024 * 1024) })).rejects.toMatchObject({ code: "TOO_LARGE" });
  expect(await readdir(dir.path)).toEqual([]);
});
