import { describe, expect, test } from "vitest";
import { agentPaths } from "../../../shared/paths.ts";
import { parseSchedule } from "../../../shared/schedule.ts";
import { loadLedger, type SlotRecord } from "../../../shared/slots.ts";
import type { DueJob } from "../../../daemons/scheduler/due.ts";
import { type Ledgers, openLedgers } from "../../../daemons/scheduler/ledgers.ts";
import { createTimetable, type Timetable } from "../../../daemons/scheduler/timetable.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp.ts";

const START = Date.parse("2026-11-20T12:00:00.000Z");
const MINUTE = 60_000;

const job = (slug: string, text: string, change: Partial<DueJob> = {}): DueJob => {
  const policy = { jitterSeconds: 0, catchUp: "latest", catchUpWindowMinutes: 1440 } as const;
  return { slug, standing: "on", schedule: parseSchedule(text, "UTC"), ...policy, ...change };
};

interface Bench extends AsyncDisposable {
  readonly ledgers: Ledgers;
  readonly clock: FakeClock;
  readonly timetable: Timetable;
  /** Which jobs were looked at: a look that is not needed costs nothing. */
  readonly asked: string[];
  readonly typesOf: (slug: string) => Promise<string[]>;
  readonly failing: Set<string>;
}

async function testTimetable(): Promise<Bench> {
  const dir = await tempDir();
  const paths = agentPaths(dir.path);
  const clock = createFakeClock(START);
  const ledgers = await openLedgers({ paths, clock, log: { warn: () => undefined } });
  const asked: string[] = [];
  const failing = new Set<string>();
  const watched = {
    slugs: () => ledgers.slugs(),
    of(slug: string) {
      asked.push(slug);
      return ledgers.of(slug);
    },
    async append(slug: string, records: readonly SlotRecord[]) {
      if (failing.has(slug)) throw new Error("the disk is full");
      await ledgers.append(slug, records);
    },
  };
  return {
    ledgers,
    clock,
    asked,
    failing,
    timetable: createTimetable({ ledgers: watched, clock }),
    async typesOf(slug) {
      return (await loadLedger(paths, slug, { recentMin: 1000 })).recent.map(({ type }) => type);
    },
    async [Symbol.asyncDispose]() {
      await ledgers[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe("a look", () => {
  test("claims what is due, and says when to look again", async () => {
    await using bench = await testTimetable();
    const { timetable, clock } = bench;
    timetable.setJobs([job("often", "@every 1m"), job("seldom", "0 * * * *")]);
    expect(await timetable.look()).toEqual({ claimed: [], failed: [], wakeAt: START + MINUTE });
    clock.step(MINUTE);
    expect(await timetable.look()).toEqual({
      claimed: [{ slug: "often", slot: "2026-11-20T12:01:00.000Z" }],
      failed: [],
      wakeAt: START + 2 * MINUTE,
    });
    expect(await bench.typesOf("often")).toEqual(["considered", "claimed"]);
    expect(await bench.typesOf("seldom")).toEqual(["considered"]);
  });

  test("asks only for the jobs whose time has come", async () => {
    await using bench = await testTimetable();
    const { timetable, clock, asked } = bench;
    timetable.setJobs([job("often", "@every 1m"), job("seldom", "0 * * * *")]);
    await timetable.look();
    asked.length = 0;
    clock.step(1000);
    await timetable.look();
    expect(asked).toEqual([]);
    clock.step(MINUTE);
    await timetable.look();
    expect(new Set(asked)).toEqual(new Set(["often"]));
  });

  test("a clock that was set back is noticed at the next look, whatever time it shows", async () => {
    await using bench = await testTimetable();
    const { timetable, clock, ledgers } = bench;
    timetable.setJobs([job("often", "@every 1m")]);
    await timetable.look();
    clock.step(30 * MINUTE);
    await timetable.look();
    clock.step(-20 * MINUTE);
    await timetable.look();
    expect(ledgers.of("often").watermark).toBe(START + 10 * MINUTE);
    expect((await bench.typesOf("often")).at(-1)).toBe("considered");
  });

  test("a job that cannot be written does not hold the others, and is tried again", async () => {
    await using bench = await testTimetable();
    const { timetable, clock, failing } = bench;
    timetable.setJobs([job("a", "@every 1m"), job("b", "@every 1m")]);
    await timetable.look();
    failing.add("a");
    clock.step(MINUTE);
    const look = await timetable.look();
    expect(look.claimed.map(({ slug }) => slug)).toEqual(["b"]);
    expect(look.failed).toMatchObject([{ slug: "a", error: { message: "the disk is full" } }]);
    failing.clear();
    expect((await timetable.look()).claimed).toEqual([{ slug: "a", slot: "2026-11-20T12:01:00.000Z" }]);
  });
});

describe("other jobs", () => {
  test("a job that is gone is said to be removed, once, and added again when it comes back", async () => {
    await using bench = await testTimetable();
    const { timetable, clock, ledgers } = bench;
    timetable.setJobs([job("often", "@every 1m")]);
    await timetable.look();
    timetable.setJobs([]);
    expect(await timetable.look()).toEqual({ claimed: [], failed: [], wakeAt: null });
    expect(ledgers.of("often").standing).toBe("removed");
    timetable.setJobs([]);
    await timetable.look();
    expect(await bench.typesOf("often")).toEqual(["considered", "considered"]);
    clock.step(5 * MINUTE);
    timetable.setJobs([job("often", "@every 1m")]);
    await timetable.look();
    expect(ledgers.of("often")).toMatchObject({ standing: "on", watermark: START + 5 * MINUTE });
  });

  test("a job that changes is looked at at once", async () => {
    await using bench = await testTimetable();
    const { timetable, clock, ledgers } = bench;
    timetable.setJobs([job("often", "0 * * * *")]);
    await timetable.look();
    clock.step(1000);
    timetable.setJobs([job("often", "@every 10s")]);
    expect((await timetable.look()).wakeAt).toBe(START + 10_000);
    expect(ledgers.of("often").schedule).toBe("@every 10s UTC");
  });
});
