import { expect, test } from "vitest";
import { createRounds } from "../../../daemons/scheduler/rounds.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

function start(waits: readonly number[]) {
  const clock = createFakeClock();
  const at: number[] = [];
  const rounds = createRounds(clock, async () => {
    at.push(clock.monotonicMs());
    return waits[at.length - 1] ?? Number.POSITIVE_INFINITY;
  });
  const stop = new AbortController();
  const kept = rounds.keep(stop.signal);
  return { clock, at, rounds, stop: () => stop.abort(), kept };
}

test("a round comes when the one before said, and at the latest for the rescan", async () => {
  const { clock, at, stop, kept } = start([200, 60_000]);
  await clock.advance(12_000);
  expect(at).toEqual([0, 200, 5200, 10_200]);
  stop();
  await kept;
});

test("news brings the next round at once; while one is on, right after it, however much news there is", async () => {
  const { clock, at, rounds, stop, kept } = start([]);
  await clock.advance(1000);
  for (let news = 0; news < 10; news++) rounds.look();
  await clock.advance(0);
  expect(at).toEqual([0, 1000]);
  await clock.advance(5000);
  expect(at).toEqual([0, 1000, 6000]);
  stop();
  await kept;
});

test("the wall clock moves nothing", async () => {
  const { clock, at, stop, kept } = start([1000]);
  await clock.advance(0);
  clock.step(-3_600_000);
  await clock.advance(1000);
  expect(at).toEqual([0, 1000]);
  stop();
  await kept;
});

test("what a round throws ends them", async () => {
  const clock = createFakeClock();
  const rounds = createRounds(clock, () => Promise.reject(new Error("a bug")));
  await expect(rounds.keep(new AbortController().signal)).rejects.toThrow("a bug");
});
