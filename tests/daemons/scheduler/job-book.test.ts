import { utimesSync, writeFileSync } from "node:fs";
import { mkdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { createJobBook, timetableOf } from "../../../daemons/scheduler/job-book.ts";
import { createInvalidNotices, invalidConcern } from "../../../daemons/scheduler/notices.ts";
import type { InstarError } from "../../../shared/errors.ts";
import { agentPaths } from "../../../shared/paths.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp.ts";
import { until } from "../../support/until.ts";

const JOB = { slug: "job", name: "job", schedule: "@hourly", execute: { type: "script", value: "true" } };
const BAD = { ...JOB, slug: "bad", schedule: "nonsense" };

async function openBook(jobs: unknown) {
  const dir = await tempDir();
  const paths = agentPaths(dir.path);
  await mkdir(paths.instar, { recursive: true });
  const write = async (value: unknown): Promise<void> => {
    // In one piece: a look in the middle of a write would rightly find a file that is empty.
    await writeFile(`${paths.jobs}.new`, typeof value === "string" ? value : JSON.stringify(value));
    await rename(`${paths.jobs}.new`, paths.jobs);
  };
  await write(jobs);
  const changes: (readonly string[])[] = [];
  const faults: (InstarError | null)[] = [];
  const clock = createFakeClock();
  const book = createJobBook({
    paths,
    clock,
    onChange: (_book, slugs) => changes.push(slugs),
    onBroken: (fault) => faults.push(fault),
  });
  await book.follow();
  return {
    book,
    paths,
    clock,
    changes,
    faults,
    write,
    async [Symbol.asyncDispose]() {
      await book[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

test("the first version and each that differs is told, with what changed, came and went", async () => {
  await using open = await openBook([JOB, { ...JOB, slug: "same" }]);
  expect(open.changes).toEqual([["job", "same"]]);
  await open.write([
    { ...JOB, name: "renamed" },
    { ...JOB, slug: "same" },
  ]);
  await until(() => open.changes.length === 2);
  await open.write([
    { ...JOB, slug: "same" },
    { ...JOB, slug: "new" },
  ]);
  await until(() => open.changes.length === 3);
  expect(open.changes.slice(1)).toEqual([["job"], ["job", "new"]]);
  // Written again as it was.
  await open.write([
    { ...JOB, slug: "same" },
    { ...JOB, slug: "new" },
  ]);
  await open.book.read();
  expect(open.changes).toHaveLength(3);
});

test("a change that the file system does not tell is found by time", async () => {
  await using open = await openBook([JOB]);
  await rm(open.paths.jobs);
  await until(() => open.changes.length === 2);
  expect(open.book.current()?.jobs.size).toBe(0);
  await open.write([JOB]);
  await until(async () => {
    await open.clock.advance(30_000);
    return open.changes.length === 3;
  });
});

test("a version of the same size and date is another one nonetheless", async () => {
  await using open = await openBook([JOB]);
  for (const name of ["jab", "job", "jib"]) {
    // At once, so that nobody looks in between.
    writeFileSync(open.paths.jobs, JSON.stringify([{ ...JOB, name }]));
    utimesSync(open.paths.jobs, 1, 1);
    expect((await open.book.read()).jobs.get("job")?.name).toBe(name);
  }
});

test("a fault is told once; the last good version stays; that it is well again is told", async () => {
  await using open = await openBook([JOB]);
  await open.write("[{");
  await until(() => open.faults.length === 1);
  for (let look = 0; look < 3; look++) await expect(open.book.read()).rejects.toThrow("jobs.json");
  expect(open.faults).toHaveLength(1);
  expect([...(open.book.current()?.jobs.keys() ?? [])]).toEqual(["job"]);
  await open.write([JOB]);
  await until(() => open.faults.length === 2);
  expect(open.faults[1]).toBeNull();
  expect(open.changes).toHaveLength(1);
});

test("as long as there never was a list there is no book", async () => {
  await using open = await openBook("{}");
  expect(open.book.current()).toBeNull();
  await open.write([]);
  await until(() => open.book.current() !== null);
});

test("the timetable knows what is on, disabled and not valid; schedules without a zone go by the configured one", async () => {
  await using open = await openBook([
    { ...JOB, slug: "on" },
    { ...JOB, slug: "off", enabled: false },
    { ...JOB, slug: "zoned", timezone: "Asia/Tokyo" },
    BAD,
    { ...JOB, slug: "on", name: "a slug that is taken" },
    { ...JOB, slug: "No Slug" },
  ]);
  const rows = timetableOf(await open.book.read(), "Europe/Berlin");
  expect(rows.map(({ slug, standing, schedule }) => [slug, standing, schedule?.zone])).toEqual([
    ["on", "on", "Europe/Berlin"],
    ["off", "disabled", "Europe/Berlin"],
    ["zoned", "on", "Asia/Tokyo"],
    ["bad", "invalid", undefined],
  ]);
});

test("an entry that is not valid is told of once, as long as its fault stays the same", async () => {
  await using open = await openBook([JOB, BAD]);
  const notices = createInvalidNotices();
  const [first, ...more] = notices.of(await open.book.read());
  expect(more).toEqual([]);
  expect(first).toMatchObject({ type: "job_invalid", slug: "bad", level: "error" });
  expect(notices.of(await open.book.read())).toEqual([]);
  // In the next life the file tells the same event.
  expect(createInvalidNotices().of(await open.book.read())).toEqual([first]);
  await open.write([JOB]);
  expect(notices.of(await open.book.read())).toEqual([]);
  await open.write([JOB, BAD]);
  const later = new Date(Date.now() + 60_000);
  await utimes(open.paths.jobs, later, later);
  const [again] = notices.of(await open.book.read());
  expect(again?.reason).toBe(first?.reason);
  expect(again?.id).not.toBe(first?.id);
});

test("the concern names the first entry that is not valid, and how many there are", async () => {
  await using open = await openBook([BAD]);
  const one = invalidConcern(await open.book.read());
  expect(one).toContain("jobs[0].schedule");
  await open.write([BAD, { ...BAD, slug: "worse" }]);
  expect(invalidConcern(await open.book.read())).toBe(`2 entries are not valid; ${one}`);
  await open.write([JOB]);
  expect(invalidConcern(await open.book.read())).toBeNull();
});
