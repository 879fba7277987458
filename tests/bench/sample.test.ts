import { expect, test } from "vitest";
import { compare, median, quantile } from "../../bench/sample.ts";

test("a quantile is a value that was measured", () => {
  const samples = [5, 1, 4, 2, 3];
  expect([0, 0.5, 0.99, 1].map((share) => quantile(samples, share))).toEqual([1, 3, 5, 5]);
  expect(median([2, 1])).toBe(2);
  expect(samples).toEqual([5, 1, 4, 2, 3]);
});

test("ours and the floor are measured in turns, and the first of each does not count", async () => {
  const order: string[] = [];
  const act = (name: string) => () => order.push(name);
  const taken = await compare(act("ours"), act("floor"), 2);
  expect(order).toEqual(["ours", "floor", "ours", "floor", "ours", "floor"]);
  expect(taken).toEqual({ ours: [3, 5], floor: [4, 6] });
});
