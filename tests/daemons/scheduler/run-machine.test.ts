import { describe, expect, test } from "vitest";
import { nextAct, type RunAct, type RunSight } from "../../../daemons/scheduler/run-machine.ts";
import type { Begun, RunWitness, StopOrder } from "../../../shared/runs.ts";

const BEGUN: Begun = { pid: 700, group: 699, startTime: "1", bootId: "b", startedAt: 0 };
const CLOSED: Begun = { ...BEGUN, pid: 0, group: 0 };
const DAMAGED: Begun = { ...BEGUN, pid: -1, group: 0 };
const EXIT: RunWitness["exit"] = { code: 3, hangup: false, endedAt: 5 };
const STOP: StopOrder = { reason: "killed", detail: "by hand", at: "2026-01-01T00:00:00.000Z" };

const FRESH: RunSight = {
  begun: null,
  exit: null,
  stop: null,
  alive: false,
  runningMs: 0,
  timeoutMs: 60_000,
  sinceOpenMs: null,
  openings: 0,
  sinceTermMs: null,
  killed: false,
};
const RUNNING: RunSight = { ...FRESH, begun: BEGUN, alive: true, sinceOpenMs: 20, openings: 1 };

const TABLE: [what: string, sight: RunSight, act: RunAct][] = [
  ["nothing was done yet", FRESH, { act: "open" }],
  ["a pane was just opened", { ...FRESH, sinceOpenMs: 1, openings: 1 }, { act: "watch", forMs: 9999 }],
  ["its pane began nothing in time", { ...FRESH, sinceOpenMs: 10_000, openings: 1 }, { act: "open" }],
  ["the second pane neither", { ...FRESH, sinceOpenMs: 10_000, openings: 2 }, { act: "open" }],
  ["the third has time too", { ...FRESH, sinceOpenMs: 9000, openings: 3 }, { act: "watch", forMs: 1000 }],
  ["the third neither", { ...FRESH, sinceOpenMs: 10_000, openings: 3 }, { act: "close" }],
  ["stopped before a pane was opened", { ...FRESH, stop: STOP }, { act: "close" }],
  ["stopped while its pane is on the way", { ...FRESH, stop: STOP, sinceOpenMs: 1, openings: 1 }, { act: "close" }],
  ["closed", { ...FRESH, begun: CLOSED }, { act: "end" }],
  ["closed after panes were opened", { ...FRESH, begun: CLOSED, sinceOpenMs: 1, openings: 3 }, { act: "end" }],
  ["closed because it was stopped", { ...FRESH, begun: CLOSED, stop: STOP }, { act: "end" }],
  ["it runs", { ...RUNNING, runningMs: 10_000 }, { act: "watch", forMs: 50_000 }],
  [
    "it runs, opened in an earlier life",
    { ...RUNNING, sinceOpenMs: null, openings: 0 },
    { act: "watch", forMs: 60_000 },
  ],
  [
    "it runs out of time",
    { ...RUNNING, runningMs: 60_000 },
    { act: "order-stop", reason: "timeout", detail: "ran longer than 1 min" },
  ],
  [
    "it runs out of a short time",
    { ...RUNNING, runningMs: 1501, timeoutMs: 1500 },
    { act: "order-stop", reason: "timeout", detail: "ran longer than 1.5 s" },
  ],
  ["it is to end", { ...RUNNING, stop: STOP }, { act: "signal", signal: "SIGTERM" }],
  [
    "it is to end, as an earlier life said",
    { ...RUNNING, stop: STOP, sinceOpenMs: null },
    { act: "signal", signal: "SIGTERM" },
  ],
  ["it was asked to end", { ...RUNNING, stop: STOP, sinceTermMs: 4000 }, { act: "watch", forMs: 6000 }],
  ["it does not listen", { ...RUNNING, stop: STOP, sinceTermMs: 10_000 }, { act: "signal", signal: "SIGKILL" }],
  ["it is dying", { ...RUNNING, stop: STOP, sinceTermMs: 10_001, killed: true }, { act: "watch", forMs: 1000 }],
  ["it is dead", { ...RUNNING, alive: false }, { act: "end" }],
  ["it is dead, as was ordered", { ...RUNNING, alive: false, stop: STOP, sinceTermMs: 1 }, { act: "end" }],
  ["it is dead after its time", { ...RUNNING, alive: false, runningMs: 60_001 }, { act: "end" }],
  ["begun is damaged", { ...FRESH, begun: DAMAGED }, { act: "end" }],
  ["it exited", { ...RUNNING, alive: false, exit: EXIT }, { act: "end" }],
  ["it exited and its wrapper is still there", { ...RUNNING, exit: EXIT }, { act: "end" }],
  ["it exited after its time", { ...RUNNING, exit: EXIT, runningMs: 99_999 }, { act: "end" }],
  ["it exited as it was ordered", { ...RUNNING, exit: EXIT, stop: STOP, sinceTermMs: 5 }, { act: "end" }],
];

test.each(TABLE)("%s", (_what, sight, act) => {
  expect(nextAct(sight)).toEqual(act);
});

/** Every combination of what can be seen. */
function* sights(): Generator<RunSight> {
  for (const begun of [null, BEGUN, CLOSED, DAMAGED])
    for (const exit of [null, EXIT])
      for (const stop of [null, STOP])
        for (const alive of [false, true])
          for (const runningMs of [0, 60_000])
            for (const [sinceOpenMs, openings] of [
              [null, 0],
              [1, 1],
              [10_000, 1],
              [10_000, 3],
            ] as const)
              for (const [sinceTermMs, killed] of [
                [null, false],
                [1, false],
                [10_000, false],
                [10_000, true],
              ] as const)
                yield {
                  begun,
                  exit,
                  stop,
                  alive,
                  runningMs,
                  timeoutMs: 60_000,
                  sinceOpenMs,
                  openings,
                  sinceTermMs,
                  killed,
                };
}

describe("whatever is seen", () => {
  const all = [...sights()].map((sight) => ({ sight, act: nextAct(sight) }));

  test("a pane is opened only where nothing began, nothing ended, and nobody wants it stopped", () => {
    const opened = all.filter(({ act }) => act.act === "open");
    expect(opened.length).toBeGreaterThan(0);
    expect(opened.filter(({ sight }) => sight.begun || sight.exit || sight.stop)).toEqual([]);
  });

  test("only what lives and was ordered to end gets a signal", () => {
    const signalled = all.filter(({ act }) => act.act === "signal");
    expect(signalled.length).toBeGreaterThan(0);
    expect(signalled.filter(({ sight }) => !sight.alive || !sight.stop || sight.exit || !sight.begun?.pid)).toEqual([]);
  });

  test("SIGKILL comes only after SIGTERM had its time", () => {
    const killed = all.filter(({ act }) => act.act === "signal" && act.signal === "SIGKILL");
    expect(killed.length).toBeGreaterThan(0);
    expect(killed.filter(({ sight }) => sight.sinceTermMs !== 10_000)).toEqual([]);
  });

  test("an end that is told is the end", () => {
    expect(all.filter(({ sight, act }) => sight.exit && act.act !== "end")).toEqual([]);
  });
});
