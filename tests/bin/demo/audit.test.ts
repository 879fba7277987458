import { expect, test } from "vitest";
import { audit, type Evidence } from "../../../bin/demo/audit.ts";
import { isoInstant } from "../../../shared/clock.ts";
import { runIdOf } from "../../../shared/runs.ts";
import type { FinishedRecord, SlotRecord } from "../../../shared/slots.ts";

const START = Date.parse("2026-11-20T12:00:00.000Z");
const at = (second: number): string => isoInstant(START + second * 1000);
const runId = (slug: string, second: number): string => runIdOf({ slug, slot: at(second), attempt: 1 });

const considered = (second: number, standing: string): SlotRecord =>
  ({
    v: 1,
    type: "considered",
    at: at(second),
    until: at(second),
    schedule: "@every 1s UTC",
    standing,
    reason: standing,
  }) as SlotRecord;
const claimed = (second: number, trigger: "schedule" | "manual" = "schedule"): SlotRecord => ({
  v: 1,
  type: "claimed",
  at: at(second),
  slot: at(second),
  attempt: 1,
  trigger,
});
const finished = (second: number, more: Partial<FinishedRecord> = {}): FinishedRecord => ({
  v: 1,
  type: "finished",
  at: at(second),
  slot: at(second),
  attempt: 1,
  outcome: "success",
  startedAt: at(second),
  endedAt: at(second),
  exitCode: 0,
  signal: null,
  ...more,
});
const usage = (tokens: number): FinishedRecord["usage"] => ({
  inputTokens: tokens,
  outputTokens: 1,
  cacheReadTokens: 0,
  cacheCreationTokens: 0,
});

const BEATS: SlotRecord[] = [
  considered(0, "on"),
  claimed(1),
  finished(1),
  claimed(2),
  finished(2, { outcome: "failure", exitCode: 1 }),
  { v: 1, type: "gap", at: at(4), from: at(2), to: at(4), count: 2, reason: "missed" },
  claimed(5),
  { v: 1, type: "skipped", at: at(5), slot: at(5), attempt: 1, reason: "overlap" },
  considered(7, "disabled"),
];
const NOTES: SlotRecord[] = [
  considered(0, "on"),
  claimed(3, "manual"),
  finished(3, { sessionId: "s3", usage: usage(15) }),
];

/** Two jobs of which nothing is lost: a failure, a gap, a skip, and a prompt of two answers. */
function sound(): { -readonly [Key in keyof Evidence]: Evidence[Key] } & { beats: SlotRecord[]; notes: SlotRecord[] } {
  const [beats, notes] = [[...BEATS], [...NOTES]];
  return {
    beats,
    notes,
    jobs: [
      { slug: "beat", schedule: "@every 1s", records: beats },
      { slug: "note", schedule: "@at 2099-01-01T00:00", records: notes },
    ],
    traces: [runId("beat", 1), runId("beat", 2), runId("note", 3)],
    bills: [
      { sessionId: "s3", inputTokens: 10, outputTokens: 1 },
      { sessionId: "s3", inputTokens: 5, outputTokens: 0 },
    ],
  };
}

test("a sound story is counted and has no problems", () => {
  expect(audit(sound())).toEqual({ instants: 7, runs: 3, traces: 3, answers: 2, tokens: 16, problems: [] });
});

test("under an own login the model's bills are not asked for", () => {
  expect(audit({ ...sound(), bills: null }).problems).toEqual([]);
});

const drop = (records: SlotRecord[], index: number): void => void records.splice(index, 1);

test.each<[string, (story: ReturnType<typeof sound>) => void, string[]]>([
  [
    "an instant that was lost",
    ({ beats }) => beats.splice(1, 2),
    ["beat was due at 2026-11-20T12:00:01.000Z, and the journal does not say what became of it"],
  ],
  ["a gap that was lost", ({ beats }) => drop(beats, 5), ["beat was due at 2026-11-20T12:00:03.000Z", "12:00:04.000Z"]],
  ["a slot that is none", ({ beats }) => beats.push(claimed(6.5), finished(6.5)), ["when it was not due"]],
  ["an outcome that was lost", ({ beats }) => drop(beats, 2), ["nobody says how it ended"]],
  ["an outcome told twice", ({ beats }) => beats.splice(3, 0, finished(1)), ["ended twice"]],
  ["a claim made twice", ({ beats }) => beats.splice(2, 0, claimed(1)), ["was claimed twice"]],
  ["an outcome without a claim", ({ notes }) => drop(notes, 1), ["ended and was never claimed"]],
  ["work that was lost", (story) => void (story.traces = story.traces.slice(1)), ["left no trace of having run"]],
  ["work that ran twice", (story) => void (story.traces = [...story.traces, runId("beat", 1)]), ["ran 2 times"]],
  ["work that nobody claimed", (story) => void (story.traces = [...story.traces, runId("beat", 9)]), ["no such run"]],
  ["skipped work that ran", (story) => void (story.traces = [...story.traces, runId("beat", 5)]), ["no such run"]],
  [
    "an answer that was lost",
    (story) => void (story.bills = story.bills?.slice(1) ?? []),
    ["16 tokens, the model counted 5"],
  ],
  [
    "a prompt that was asked twice",
    (story) => void (story.bills = [...(story.bills ?? []), { sessionId: "again", inputTokens: 1, outputTokens: 1 }]),
    ["the model worked for session again (2 tokens), and no run is it"],
  ],
])("%s is found", (_name, plant, expected) => {
  const story = sound();
  plant(story);
  const { problems } = audit(story);
  for (const words of expected) expect(problems.join("\n")).toContain(words);
});
