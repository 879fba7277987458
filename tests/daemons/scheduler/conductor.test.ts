import { expect, test } from "vitest";
import type { Acts } from "../../../daemons/scheduler/acts.ts";
import type { Terms } from "../../../daemons/scheduler/admission.ts";
import { createConductor } from "../../../daemons/scheduler/conductor.ts";
import type { Book } from "../../../daemons/scheduler/job-book.ts";
import { isoInstant } from "../../../shared/clock.ts";
import { InstarError } from "../../../shared/errors.ts";
import { Job } from "../../../shared/jobs.ts";
import { applyRecord, emptyLedger, type FinishedRecord, type Ledger, type SlotRecord } from "../../../shared/slots.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { until } from "../../support/until.ts";

const SLOT = "2026-11-20T12:00:00.000Z";
const LATER = "2026-11-20T12:00:01.000Z";
const OPEN: Terms = { isPaused: false, maxParallelJobs: 9, quotaRefusal: () => null };

function claim(slot: string, slug: string): [string, SlotRecord] {
  return [slug, { v: 1, type: "claimed", at: slot, slot, attempt: 1, trigger: "schedule" }];
}

const DAY_MS = 86_400_000;

/** A conductor whose acts are the test's, over ledgers in memory, on the day after the slots. */
function conduct(
  slugs: readonly string[],
  take: Acts["take"],
  terms: () => Promise<Terms> = async () => OPEN,
  see: (slug: string) => Promise<void> = async () => undefined,
) {
  const ledgers = new Map<string, Ledger>();
  const jobs = slugs.map((slug) => Job.parse({ slug, name: slug, schedule: "@hourly" }));
  const book: Book = { jobs: new Map(jobs.map((job) => [job.slug, job])), invalid: [], writtenAt: 0 };
  const write = ([slug, record]: readonly [string, SlotRecord]): void => {
    ledgers.set(slug, applyRecord(ledgers.get(slug) ?? emptyLedger(), record));
  };
  const acts: Acts = {
    async see({ live }) {
      await see(live.run.slug);
      live.isSeen = true;
    },
    take,
  };
  const news = { count: 0 };
  const clock = createFakeClock(Date.parse(SLOT) + DAY_MS);
  const conductor = createConductor({
    clock,
    ledgers: { slugs: () => [...ledgers.keys()], of: (slug) => ledgers.get(slug) ?? emptyLedger() },
    book: () => book,
    terms,
    acts,
    onStep: () => void (news.count += 1),
  });
  return { conductor, write, news, clock };
}

const finished = (slot: string): FinishedRecord => ({
  v: 1,
  type: "finished",
  at: slot,
  slot,
  attempt: 1,
  outcome: "success",
  startedAt: slot,
  endedAt: slot,
  exitCode: 0,
  signal: null,
});

test("a slot whose last word comes while the conductor still looks is not looked at again", async () => {
  const taken: string[] = [];
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Terms>();
  const { conductor, write, news } = conduct(
    ["a", "b"],
    async (step, { live }) => {
      taken.push(`${live.key} ${step.step}`);
      live.phase = "started";
      if (live.run.slug === "a") {
        await asked.promise;
        write(["a", finished(SLOT)]);
      }
    },
    () => {
      if (taken.length === 0) return Promise.resolve(OPEN);
      asked.resolve();
      return answer.promise;
    },
  );
  write(claim(SLOT, "a"));
  await conductor.look();
  // Something waits, so that the terms are asked; meanwhile the first slot ends.
  write(claim(SLOT, "b"));
  const look = conductor.look();
  await until(() => news.count === 1);
  conductor.hearNews();
  answer.resolve(OPEN);
  await look;
  expect(taken).toEqual([`a ${SLOT} work`, `b ${SLOT} work`]);
});

test("news that comes while a run is being looked at is not lost: it is looked at again right after", async () => {
  const looks: PromiseWithResolvers<void>[] = [];
  const { conductor, write, news } = conduct(["a"], async (_step, { live }) => {
    live.phase = "started";
    const look = Promise.withResolvers<void>();
    looks.push(look);
    await look.promise;
    live.wakeMs = 60_000;
  });
  write(claim(SLOT, "a"));
  await conductor.look();
  conductor.hearNews();
  await conductor.look();
  expect(looks).toHaveLength(1);
  looks[0]?.resolve();
  await until(() => news.count === 1);
  await conductor.look();
  expect(looks).toHaveLength(2);
  looks[1]?.resolve();
  await until(() => news.count === 2);
  expect(await conductor.look()).toBeGreaterThan(1000);
  expect(looks).toHaveLength(2);
});

test("while a step of a job is under way, its other slots wait, and those of other jobs do not", async () => {
  const taken: string[] = [];
  const ends = Promise.withResolvers<void>();
  const { conductor, write } = conduct(["a", "b"], async (_step, { live }) => {
    taken.push(live.key);
    live.phase = "started";
    await ends.promise;
  });
  for (const record of [claim(SLOT, "a"), claim(LATER, "a"), claim(SLOT, "b")]) write(record);
  await conductor.look();
  expect(taken).toEqual([`a ${SLOT}`, `b ${SLOT}`]);
  ends.resolve();
  await conductor[Symbol.asyncDispose]();
});

test("a step that fails for a reason that passes is told of and taken again; a bug ends the next look", async () => {
  let error: unknown = new InstarError("STORE_FULL", "no space left");
  const { conductor, write, news, clock } = conduct(["a"], async () => {
    throw error;
  });
  write(claim(SLOT, "a"));
  expect(await conductor.look()).toBe(Number.POSITIVE_INFINITY);
  await until(() => news.count === 1);
  expect(conductor.trouble()).toBe("a: no space left");
  expect(await conductor.look()).toBe(1000);
  error = new TypeError("a bug");
  await clock.advance(1000);
  await conductor.look();
  await until(() => news.count === 2);
  await expect(conductor.look()).rejects.toThrow("a bug");
});

test("what the system refuses over one run is that slot's trouble, and the others go on", async () => {
  const refused = Object.assign(new Error("EACCES: permission denied, open 'launch.json'"), { code: "EACCES" });
  const taken: string[] = [];
  const folders = { isOpen: false };
  const { conductor, write, news, clock } = conduct(
    ["shut", "well"],
    async (_step, { live }) => {
      taken.push(live.run.slug);
      if (live.run.slug === "shut") throw refused;
    },
    undefined,
    async (slug) => {
      if (slug === "shut" && !folders.isOpen) throw refused;
    },
  );
  write(claim(SLOT, "shut"));
  write(claim(SLOT, "well"));
  expect(await conductor.look()).toBe(1000);
  expect(taken).toEqual(["well"]);
  expect(conductor.trouble()).toBe("shut: EACCES: permission denied, open 'launch.json'");
  folders.isOpen = true;
  await clock.advance(1000);
  const { count } = news;
  await conductor.look();
  await until(() => news.count > count);
  expect(taken).toContain("shut");
  expect(conductor.trouble()).toBe("shut: EACCES: permission denied, open 'launch.json'");
});

test("a retry that is awaited ends with its job at once, not when it would have been due", async () => {
  const taken: string[] = [];
  const { conductor, write } = conduct([], async (step) => void taken.push(step.step));
  write(claim(SLOT, "gone"));
  write(["gone", { ...finished(SLOT), outcome: "failure", retryAt: isoInstant(Date.parse(SLOT) + 3_600_000) }]);
  await conductor.look();
  expect(taken).toEqual(["refuse"]);
});

test("a retry is awaited for as long as it was to be, whatever the wall clock shows", async () => {
  const { conductor, write } = conduct(["a"], async () => undefined);
  write(claim(SLOT, "a"));
  const retryAt = isoInstant(Date.parse(SLOT) + 60_000);
  // Told a year ago, or in a year: a minute is a minute.
  write(["a", { ...finished(SLOT), outcome: "failure", retryAt }]);
  const waitMs = await conductor.look();
  expect(waitMs).toBe(Number.POSITIVE_INFINITY);

  const ahead = isoInstant(Date.parse(SLOT) + 365 * DAY_MS);
  const inAYear = conduct(["a"], async () => undefined);
  inAYear.write(claim(SLOT, "a"));
  const record = { ...finished(SLOT), at: ahead, outcome: "failure" } as const;
  inAYear.write(["a", { ...record, retryAt: isoInstant(Date.parse(ahead) + 60_000) }]);
  expect(await inAYear.conductor.look()).toBe(60_000);
});
