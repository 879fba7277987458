import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Book } from "../../../daemons/scheduler/job-book.ts";
import { type Ledgers, openLedgers } from "../../../daemons/scheduler/ledgers.ts";
import { openTriggers, type Triggers } from "../../../daemons/scheduler/triggers.ts";
import { parseJobs } from "../../../shared/jobs.ts";
import type { QueuedSlot } from "../../../shared/job-views.ts";
import { agentPaths, type AgentPaths } from "../../../shared/paths.ts";
import type { SlotRecord } from "../../../shared/slots.ts";
import { openWishes } from "../../../shared/triggers.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp.ts";

const START = Date.parse("2026-11-20T12:00:00.500Z");
const WISHED = "2026-11-20T12:00:00.500Z";
const SKIPPED: SlotRecord = {
  v: 1,
  type: "skipped",
  at: WISHED,
  slot: WISHED,
  attempt: 1,
  reason: "quota",
  detail: "80 %",
};

const REPORT = { slug: "report", name: "Report", schedule: "* * * * *" };

interface House extends AsyncDisposable {
  readonly paths: AgentPaths;
  readonly clock: FakeClock;
  readonly triggers: Triggers;
  readonly ledgers: Ledgers;
  queue: QueuedSlot[];
  book: Book | null;
  /** What jobs.json says by now. */
  fresh: Book | null;
  wish(id: string, slug?: string, at?: string): Promise<void>;
  /** What a scheduler does that begins anew on the same files. */
  restart(): Promise<House>;
}

async function startHouse(dir: AsyncDisposable & { readonly path: string }): Promise<House> {
  const clock = createFakeClock(START);
  const paths = agentPaths(dir.path);
  const log = { warn: () => undefined };
  const ledgers = await openLedgers({
    paths,
    clock,
    log,
    onRecord: (...heard) => triggers.hearRecord(heard[0], heard[1]),
  });
  const triggers: Triggers = openTriggers({
    paths,
    clock,
    log,
    ledgers,
    book: () => house.book,
    readBook: () => Promise.resolve(house.fresh ?? bookOf(REPORT)),
    timezone: () => "UTC",
    queue: () => house.queue,
    look: () => undefined,
  });
  const close = async (): Promise<void> => {
    triggers[Symbol.dispose]();
    await ledgers[Symbol.asyncDispose]();
  };
  const house: House = {
    paths,
    clock,
    triggers,
    ledgers,
    queue: [],
    book: bookOf(REPORT),
    fresh: null,
    async wish(id, slug = "report", at = WISHED) {
      await openWishes(paths).put(id, { slug, at });
    },
    async restart() {
      await close();
      return startHouse(dir);
    },
    async [Symbol.asyncDispose]() {
      await close();
      await dir[Symbol.asyncDispose]();
    },
  };
  return house;
}

function bookOf(...entries: readonly unknown[]): Book {
  const { jobs, invalid } = parseJobs(JSON.stringify(entries), "jobs.json");
  return { jobs: new Map(jobs.map((job) => [job.slug, job])), invalid, writtenAt: 0 };
}

const open = async (): Promise<House> => startHouse(await tempDir());
const claims = ({ ledgers }: House): string[] => [...ledgers.of("report").open.keys()];

test("a wish gets a slot at its own instant, and is done", async () => {
  await using house = await open();
  await house.wish("w1");
  await house.triggers.takeUp();
  expect([...house.ledgers.of("report").open.values()]).toMatchObject([
    { slot: WISHED, attempt: 1, trigger: "manual", firstTrigger: "manual", id: "w1" },
  ]);
  expect(await openWishes(house.paths).list()).toEqual([]);
  await house.triggers.takeUp();
  expect(claims(house)).toEqual([WISHED]);
});

test("no two wishes share a slot, and none takes an instant of the schedule", async () => {
  await using house = await open();
  await house.wish("w1");
  await house.wish("w2");
  await house.wish("w3", "report", "2026-11-20T12:01:00.000Z");
  await house.triggers.takeUp();
  expect(claims(house)).toEqual([WISHED, "2026-11-20T12:00:00.501Z", "2026-11-20T12:01:00.001Z"]);
  // Not even the slot of one that is over.
  await house.ledgers.append("report", [SKIPPED]);
  await house.wish("w4");
  await house.triggers.takeUp();
  expect(claims(house)).toContain("2026-11-20T12:00:00.502Z");
});

test.each([
  ["open", false],
  ["over", true],
])("a kill between the claim and its wish's end does not double a slot that is %s", async (_state, isOver) => {
  await using house = await open();
  await house.wish("w1");
  const claim: SlotRecord = {
    v: 1,
    type: "claimed",
    at: WISHED,
    slot: WISHED,
    attempt: 1,
    trigger: "manual",
    id: "w1",
  };
  await house.ledgers.append("report", isOver ? [claim, SKIPPED] : [claim]);
  await using again = await house.restart();
  await again.triggers.takeUp();
  expect(claims(again)).toEqual(isOver ? [] : [WISHED]);
  expect(await openWishes(again.paths).list()).toEqual([]);
});

test("while jobs.json cannot be read, wishes wait", async () => {
  await using house = await open();
  house.book = null;
  await house.wish("w1");
  await house.triggers.takeUp();
  expect(await openWishes(house.paths).list()).toEqual(["w1"]);
});

test("a wish for a job that was added a moment ago is granted", async () => {
  await using house = await open();
  house.fresh = bookOf(REPORT, { ...REPORT, slug: "new" });
  await house.wish("w1", "new");
  await house.triggers.takeUp();
  expect([...house.ledgers.of("new").open.keys()]).toEqual([WISHED]);
});

test("a wish for a job that there is none of is set aside, and refused to who asks", async () => {
  await using house = await open();
  await house.wish("w1", "raport");
  await house.triggers.takeUp();
  await expect(house.triggers.answer({ slug: "raport", id: "w1" })).rejects.toMatchObject({
    code: "JOB_NOT_FOUND",
    hint: 'did you mean "report"?',
  });
  const dead = await readdir(`${house.paths.spool("triggers")}/dead`);
  expect(dead.toSorted()).toEqual(["w1.json", "w1.json.reason"]);
});

test("who asks hears that it started, as soon as it did", async () => {
  await using house = await open();
  await house.wish("w1");
  const answer = house.triggers.answer({ slug: "report", id: "w1" });
  await house.triggers.takeUp();
  house.queue = [{ slug: "report", slot: WISHED, attempt: 1, state: "running", since: WISHED }];
  house.triggers.hearNews();
  expect(await answer).toEqual({ slug: "report", slot: WISHED, result: "started" });
});

test("who asks hears what it waits for, or why it was skipped", async () => {
  await using house = await open();
  await house.wish("w1");
  await house.triggers.takeUp();
  house.queue = [{ slug: "report", slot: WISHED, attempt: 1, state: "waiting", reason: "2 of 2 run", since: WISHED }];
  const ask = (): ReturnType<Triggers["answer"]> => house.triggers.answer({ slug: "report", id: "w1" });
  expect(await ask()).toEqual({ slug: "report", slot: WISHED, result: "queued", reason: "2 of 2 run" });
  house.queue = [];
  await house.ledgers.append("report", [SKIPPED]);
  expect(await ask()).toEqual({ slug: "report", slot: WISHED, result: "skipped", reason: "quota: 80 %" });
});

test("an answer comes in time even if nothing is decided", async () => {
  await using house = await open();
  await house.wish("w1");
  await house.triggers.takeUp();
  house.queue = [{ slug: "report", slot: WISHED, attempt: 1, state: "gate", since: WISHED }];
  const asked = house.triggers.answer({ slug: "report", id: "w1" });
  const unknown = house.triggers.answer({ slug: "report", id: "w2" });
  await house.clock.advance(1500);
  expect(await asked).toMatchObject({ result: "queued", reason: "its gate is asked" });
  expect(await unknown).toMatchObject({ result: "queued", reason: "the scheduler has not come to it yet" });
});
