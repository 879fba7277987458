import { expect, test } from "vitest";
import { alertThreshold, eventsOf } from "../../../daemons/scheduler/telling.ts";
import type { FinishedRecord, SlotRecord } from "../../../shared/slots.ts";

const SLOT = "2026-11-20T12:00:00.000Z";
const AT = "2026-11-20T12:00:09.000Z";
const base = { v: 1, at: AT } as const;
const finished = (change: Partial<FinishedRecord>): SlotRecord => ({
  ...base,
  type: "finished",
  slot: SLOT,
  attempt: 1,
  outcome: "success",
  startedAt: "2026-11-20T12:00:00.200Z",
  endedAt: "2026-11-20T12:00:03.700Z",
  exitCode: 0,
  signal: null,
  ...change,
});
const gap = (count: number, detail?: string): SlotRecord => ({
  ...base,
  type: "gap",
  from: "2026-11-20T09:00:00.000Z",
  to: SLOT,
  count,
  reason: "missed",
  ...(detail === undefined ? {} : { detail }),
});

test.each<[SlotRecord, string[]]>([
  [{ ...base, type: "claimed", slot: SLOT, attempt: 1, trigger: "schedule" }, []],
  [finished({}), [`job started for ${SLOT}`, `job for ${SLOT}: success after 3.5 s`]],
  [
    finished({ attempt: 2, outcome: "failure", reason: "exit status 3" }),
    [`job started for ${SLOT}, attempt 2`, `job for ${SLOT}: failure after 3.5 s: exit status 3`],
  ],
  [
    finished({ outcome: "failure", startedAt: null, reason: "no such file", retryAt: "2026-11-20T12:01:00.000Z" }),
    [`job for ${SLOT}: failure: no such file; tried again at 2026-11-20T12:01:00.000Z`],
  ],
  [
    finished({ endedAt: "2026-11-20T11:00:00.000Z" }),
    [`job started for ${SLOT}`, `job for ${SLOT}: success after 0.0 s`],
  ],
  [finished({ outcome: "timeout", retrySkipped: "paused" }), [`job for ${SLOT}: timeout, and not tried again: paused`]],
  [
    { ...base, type: "skipped", slot: SLOT, attempt: 1, reason: "gate", detail: "exit status 1" },
    [`job was not run for ${SLOT}: gate: exit status 1`],
  ],
  [gap(1), [`job: the instant ${SLOT} got no run: missed`]],
  [
    gap(3, "catchUp is none"),
    [`job: 3 instants after 2026-11-20T09:00:00.000Z, up to ${SLOT}, got no run: missed: catchUp is none`],
  ],
])("%o is told as %j", (record, messages) => {
  expect(eventsOf({ slug: "job", record }).map(({ message }) => message)).toEqual(messages);
});

test("two failures in a row of what is important are an incident, three of the rest", () => {
  expect(["critical", "high", "normal", "low", undefined].map((priority) => alertThreshold(priority as "low"))).toEqual(
    [2, 2, 3, 3, 3],
  );
});
