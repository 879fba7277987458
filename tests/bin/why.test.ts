import { expect, test } from "vitest";
import { openEvents } from "../../shared/events.ts";
import { runFolder } from "../../shared/runs.ts";
import { instar } from "../support/cli.ts";
import { writePast, writeRun } from "../support/past.ts";
import { tempAgent } from "../support/temp-agent.ts";

const NEWS = { slug: "news", name: "News", schedule: "0 9 * * *", execute: { type: "script", value: "true" } };
const SLOT = "2026-11-20T09:00:00.000Z";
const AT = "2026-11-20T09:00:00.000Z";
const finished = {
  type: "finished" as const,
  slot: SLOT,
  startedAt: "2026-11-20T09:00:00.500Z",
  endedAt: "2026-11-20T09:00:03.000Z",
  exitCode: 3,
  signal: null,
};

test("a run is told from its claim to its outcome, by its own id and by its slot's", async () => {
  await using agent = await tempAgent({ jobs: [NEWS] });
  const { paths, dir: cwd } = agent;
  const key = { slug: "news", slot: SLOT, attempt: 1 };
  await writePast(paths, "news", [
    { at: AT, type: "claimed", slot: SLOT, attempt: 1, trigger: "schedule" },
    {
      ...finished,
      at: "2026-11-20T09:00:03.100Z",
      attempt: 1,
      outcome: "failure",
      retryAt: "2026-11-20T09:01:03.000Z",
    },
    { at: "2026-11-20T09:01:03.000Z", type: "claimed", slot: SLOT, attempt: 2, trigger: "retry" },
    { ...finished, at: "2026-11-20T09:01:05.000Z", attempt: 2, outcome: "success", exitCode: 0 },
  ]);
  await writeRun(paths, key, { output: "fetching\nno \u001b[31mnetwork\n", code: 3 });
  {
    await using events = await openEvents(paths, "scheduler");
    const id = "finished:news@20261120T090000.000Z.1";
    await events.tell({ id, type: "job_failed", level: "warn", at: AT, message: "failed", slug: "news", slot: SLOT });
  }
  const answers = [];
  for (const id of [
    "news@20261120T090000.000Z.1",
    "news@20261120T090000.000Z",
    "news@2026-11-20T09:00:00Z",
    `news@${SLOT}`,
  ])
    answers.push(await instar(["why", id], { cwd, env: { TZ: "UTC" } }));
  const [first] = answers;
  for (const answer of answers) expect(answer).toEqual(first);
  const told = first?.stdout ?? "";
  expect(told).toMatch(/^news, due 2026-11-20 09:00:00 \(2026-11-20T09:00:00\.000Z\)\n\n/);
  const inOrder = [
    "2026-11-20 09:00:00  attempt 1 claimed: its instant came",
    "2026-11-20 09:00:03  attempt 1 recorded as failure (exit 3, after 2.5 s); next attempt 2026-11-20 09:01:03",
    "2026-11-20 09:01:03  attempt 2 claimed: tried again after a failure",
    "2026-11-20 09:01:05  attempt 2 recorded as success (exit 0, after 2.5 s)",
    "Outcome: success (exit 0, after 2.5 s).",
    `The last that news@20261120T090000.000Z.1 said (${runFolder(paths, key)}/output):\n  fetching\n  no network\n`,
    "Told as: finished:news@20261120T090000.000Z.1",
  ];
  expect(inOrder.map((text) => told.indexOf(text) >= 0)).toEqual(inOrder.map(() => true));
  expect(inOrder.map((text) => told.indexOf(text))).toEqual(
    inOrder.map((text) => told.indexOf(text)).sort((a, b) => a - b),
  );
  expect(told).toContain("attempt 1 began, process 4711\n");
  expect(told).toContain("attempt 1 left with exit 3\n");
  expect(await instar(["why", "news@20261120T090000.000Z.3"], { cwd })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `instar: error: news at ${SLOT} had no attempt 3\ninstar: hint: what became of it: instar why news@${SLOT}\n`,
  });
  const { stdout } = await instar(["why", `news@${SLOT}`, "--json"], { cwd });
  expect(JSON.parse(stdout)).toMatchObject({
    slug: "news",
    slot: SLOT,
    records: [{ type: "claimed" }, { type: "finished" }, { type: "claimed" }, { type: "finished" }],
    runs: [
      { attempt: 1, run: { exit: { code: 3 } }, gate: null },
      { attempt: 2, output: null },
    ],
    events: [{ type: "job_failed" }],
  });
});

test.each([
  [
    "a gap",
    "2026-11-17T09:00:00Z",
    "Not run: one of 3 instants after 2026-11-15 09:00:00 up to 2026-11-18 09:00:00, missed: nobody looked",
  ],
  [
    "a stretch in which the job was off",
    "2026-11-19T09:00:00Z",
    "Not run: it was switched off (the job stood disabled; recorded 2026-11-19 12:00:00).",
  ],
  ["a gate that said no", SLOT, "Outcome: skipped, gate."],
])("an instant in %s has its reason", async (_, slot, words) => {
  await using agent = await tempAgent({ jobs: [NEWS] });
  await writePast(agent.paths, "news", [
    {
      at: "2026-11-18T10:00:00.000Z",
      type: "gap",
      from: "2026-11-15T09:00:00.000Z",
      to: "2026-11-18T09:00:00.000Z",
      count: 3,
      reason: "missed",
      detail: "nobody looked",
    },
    {
      at: "2026-11-19T12:00:00.000Z",
      type: "considered",
      until: "2026-11-19T12:00:00.000Z",
      schedule: "0 9 * * * UTC",
      standing: "disabled",
      reason: "it was switched off",
    },
    { at: AT, type: "claimed", slot: SLOT, attempt: 1, trigger: "catch-up" },
    { at: AT, type: "skipped", slot: SLOT, attempt: 1, reason: "gate", detail: "exit 1" },
  ]);
  const { stdout, exitCode } = await instar(["why", `news@${slot}`], { cwd: agent.dir, env: { TZ: "UTC" } });
  expect(exitCode).toBe(0);
  expect(stdout).toContain(words);
});
