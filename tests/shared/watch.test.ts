import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { watchFolder } from "../../shared/watch.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/until.ts";

/** Changes the folder until it is told: a watch may begin a moment late, never for good. */
async function isTold(folder: string, news: () => number): Promise<boolean> {
  const before = news();
  let count = 0;
  return until(async () => {
    if (news() > before) return true;
    count += 1;
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `file-${count}`), "x");
    return false;
  });
}

test("what comes, changes and goes is told, many changes as few", async () => {
  await using dir = await tempDir();
  let news = 0;
  using _watch = watchFolder(dir.path, { onNews: () => (news += 1) });
  await writeFile(join(dir.path, "a"), "x");
  expect(await until(() => news)).toBeLessThanOrEqual(2);
  const before = news;
  await rm(join(dir.path, "a"));
  await until(() => news > before);
});

test("only the names that were asked for are told", async () => {
  await using dir = await tempDir();
  let news = 0;
  using _watch = watchFolder(dir.path, { names: ["exit"], onNews: () => (news += 1) });
  for (let at = 0; at < 20; at += 1) await writeFile(join(dir.path, `output-${at}`), "x");
  expect(news).toBe(0);
  await writeFile(join(dir.path, "exit.tmp"), "x");
  await rename(join(dir.path, "exit.tmp"), join(dir.path, "exit"));
  await until(() => news > 0);
});

test("a folder that is not there yet is watched when it comes", async () => {
  await using dir = await tempDir();
  const folder = join(dir.path, "later");
  let news = 0;
  using _watch = watchFolder(folder, { onNews: () => (news += 1) });
  expect(await isTold(folder, () => news)).toBe(true);
});

test("a folder that was moved away and made anew is watched on", async () => {
  await using dir = await tempDir();
  const folder = join(dir.path, "folder");
  await mkdir(folder);
  let news = 0;
  using _watch = watchFolder(folder, { onNews: () => (news += 1) });
  expect(await isTold(folder, () => news)).toBe(true);
  const before = news;
  await rename(folder, join(dir.path, "moved"));
  await until(() => news > before);
  expect(await isTold(folder, () => news)).toBe(true);
});

test("who has ended the watch hears nothing more", async () => {
  await using dir = await tempDir();
  let ended = 0;
  let other = 0;
  const watch = watchFolder(dir.path, { onNews: () => (ended += 1) });
  using _other = watchFolder(dir.path, { onNews: () => (other += 1) });
  watch[Symbol.dispose]();
  await writeFile(join(dir.path, "a"), "x");
  await until(() => other > 0);
  expect(ended).toBe(0);
});
