import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outcomeOf, type RunEnd } from "../../../daemons/scheduler/outcome.ts";
import { bootId } from "../../../shared/proc.ts";
import type { Begun, RunWitness, StopOrder } from "../../../shared/runs.ts";
import { tempDir } from "../../support/temp.ts";

const BEGUN: Begun = { pid: 700, group: 699, startTime: "1", bootId: await bootId(), startedAt: 1000 };
const NOW_MS = 9000;
const exit = (code: number, hangup = false): RunWitness["exit"] => ({ code, hangup, endedAt: 5000 });
const stop = (reason: StopOrder["reason"]): StopOrder => ({ reason, detail: "why", at: "2026-01-01T00:00:00.000Z" });
const RAN = { startedAt: "1970-01-01T00:00:01.000Z", endedAt: "1970-01-01T00:00:05.000Z" };
const UNSEEN = { ...RAN, endedAt: "1970-01-01T00:00:09.000Z", exitCode: null, signal: null };
const NEVER = { startedAt: null, endedAt: "1970-01-01T00:00:09.000Z", exitCode: null, signal: null };

const TABLE: [what: string, witness: Partial<RunWitness>, end: RunEnd][] = [
  ["exit 0", { exit: exit(0) }, { ...RAN, outcome: "success", exitCode: 0, signal: null }],
  ["exit 3", { exit: exit(3) }, { ...RAN, outcome: "failure", exitCode: 3, signal: null, reason: "exit status 3" }],
  [
    "not to be started",
    { exit: exit(125) },
    { ...RAN, outcome: "failure", exitCode: 125, signal: null, reason: "exit status 125 (it could not be started)" },
  ],
  [
    "ended by a signal of its own",
    { exit: exit(143) },
    { ...RAN, outcome: "failure", exitCode: 143, signal: "SIGTERM", reason: "ended by SIGTERM" },
  ],
  [
    "cut by a hangup",
    { exit: exit(129, true) },
    {
      ...RAN,
      outcome: "lost",
      exitCode: 129,
      signal: "SIGHUP",
      reason: "its tmux pane went away, or the tmux server, while it ran",
    },
  ],
  ["done in spite of a hangup", { exit: exit(0, true) }, { ...RAN, outcome: "success", exitCode: 0, signal: null }],
  [
    "out of time",
    { exit: exit(143), stop: stop("timeout") },
    { ...RAN, outcome: "timeout", exitCode: 143, signal: "SIGTERM", reason: "why" },
  ],
  [
    "out of time, and it left with 0",
    { exit: exit(0), stop: stop("timeout") },
    { ...RAN, outcome: "timeout", exitCode: 0, signal: null, reason: "why" },
  ],
  [
    "ended by hand",
    { exit: exit(1), stop: stop("killed") },
    { ...RAN, outcome: "killed", exitCode: 1, signal: null, reason: "why" },
  ],
  [
    "replaced",
    { exit: exit(1), stop: stop("overlap") },
    { ...RAN, outcome: "killed", exitCode: 1, signal: null, reason: "why" },
  ],
  ["killed as ordered", { stop: stop("timeout") }, { ...UNSEEN, outcome: "timeout", signal: "SIGKILL", reason: "why" }],
  ["killed by others", {}, { ...UNSEEN, outcome: "lost", reason: "it was killed from outside" }],
  [
    "of another boot",
    { begun: { ...BEGUN, bootId: "another" } },
    { ...UNSEEN, outcome: "lost", reason: "the machine was restarted while it ran" },
  ],
  [
    "begun and damaged",
    { begun: { ...BEGUN, pid: -1, bootId: "" } },
    { ...UNSEEN, outcome: "lost", reason: "it was killed from outside" },
  ],
  [
    "never begun",
    { begun: { ...BEGUN, pid: 0 } },
    { ...NEVER, outcome: "failure", reason: "panes were opened for it, and nothing began in them" },
  ],
  [
    "never begun, stopped",
    { begun: { ...BEGUN, pid: 0 }, stop: stop("killed") },
    { ...NEVER, outcome: "killed", reason: "why; it had not begun" },
  ],
  [
    "not to be prepared",
    { begun: { ...BEGUN, pid: 0, failure: "no such skill" } },
    { ...NEVER, outcome: "failure", reason: "no such skill" },
  ],
];

test.each(TABLE)("%s", async (_what, witness, end) => {
  await using dir = await tempDir();
  expect(await outcomeOf(dir.path, { begun: BEGUN, exit: null, stop: null, ...witness }, NOW_MS)).toEqual(end);
});

test.each([
  ["[SILENT]\n", true],
  ["  \n[SILENT]", true],
  ["[SILENT] but not quite", undefined],
  ["something\n[SILENT]\n", undefined],
  ["", undefined],
])("an output of %j asks for quiet: %s", async (output, quiet) => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, "output"), output);
  expect((await outcomeOf(dir.path, { begun: BEGUN, exit: exit(0), stop: null }, NOW_MS)).quiet).toBe(quiet);
});

test("a result that was never written, of an agent, is a failure whatever its exit status", async () => {
  await using dir = await tempDir();
  const launch = { v: 1, kind: "claude-code", timeoutMs: 1, session: { id: "s", folder: dir.path } };
  await writeFile(join(dir.path, "launch.json"), JSON.stringify(launch));
  const end = await outcomeOf(dir.path, { begun: BEGUN, exit: exit(0), stop: null }, NOW_MS);
  expect(end).toMatchObject({ outcome: "failure", reason: "the agent ended without a result", sessionId: "s" });
});
