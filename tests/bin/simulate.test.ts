import { expect, test } from "vitest";
import { instar } from "../support/cli.ts";
import { tempAgent } from "../support/temp-agent.ts";
import { tempDir } from "../support/temp.ts";

const script = { type: "script", value: "true" };
const JOBS = [
  { slug: "night", name: "Night", schedule: "30 2 * * *", execute: script, jitterSeconds: 60 },
  { slug: "cairo", name: "Cairo", schedule: "0 0 * * 5", timezone: "Africa/Cairo", execute: script },
  { slug: "off", name: "Off", schedule: "0 12 * * *", execute: script, enabled: false },
  { slug: "wrong", name: "Wrong", schedule: "0 0 31 2 *", execute: script },
];
const WEEKS = ["--from", "2026-03-28", "--days", "2", "--tz", "Europe/Berlin"];

test("every firing is shown, in its zone, with what is done to the clocks between", async () => {
  await using agent = await tempAgent({ jobs: JOBS });
  const { stdout, stderr, exitCode } = await instar(["simulate", ...WEEKS], { cwd: agent.dir });
  expect(stdout.trimEnd().split("\n")).toEqual([
    "2026-03-28 02:30:00 +01:00  night",
    "2026-03-29 03:00:00 +02:00  -- Europe/Berlin: the clocks go from 02:00 to 03:00, 60 minutes are left out",
    "2026-03-29 03:00:00 +02:00  night",
    "night: 30 2 * * * in Europe/Berlin, 2 times, each up to 60 s later",
    "cairo: 0 0 * * 5 in Africa/Cairo, 0 times",
    "off: 0 12 * * * in Europe/Berlin, disabled: never, else 2 times",
  ]);
  expect(stderr).toContain('passed over wrong: jobs[3].schedule: the schedule "0 0 31 2 *" never comes');
  expect(exitCode).toBe(0);
});

test("a year of one job, as JSON", async () => {
  await using agent = await tempAgent({ jobs: JOBS });
  const words = ["simulate", "cairo", "--from", "2026-01-01", "--days", "365", "--json"];
  const { stdout } = await instar(words, { cwd: agent.dir });
  const simulation = JSON.parse(stdout) as Record<string, unknown[]>;
  expect(simulation["jobs"]).toEqual([
    { slug: "cairo", schedule: "0 0 * * 5", zone: "Africa/Cairo", standing: "on", count: 53, jitterSeconds: 0 },
  ]);
  expect(simulation["firings"]).toHaveLength(53);
  expect(simulation["firings"]).toContainEqual({
    at: "2026-04-23T22:00:00.000Z",
    local: "2026-04-24 01:00:00 +03:00",
    slug: "cairo",
  });
  expect(simulation["folds"]).toEqual([
    {
      at: "2026-04-23T22:00:00.000Z",
      zone: "Africa/Cairo",
      local: "2026-04-24 01:00:00 +03:00",
      before: "2026-04-24 00:00:00 +02:00",
      minutes: 60,
    },
    {
      at: "2026-10-29T21:00:00.000Z",
      zone: "Africa/Cairo",
      local: "2026-10-29 23:00:00 +02:00",
      before: "2026-10-30 00:00:00 +03:00",
      minutes: -60,
    },
  ]);
});

test("a disabled job that is asked for by name is shown as what it is", async () => {
  await using agent = await tempAgent({ jobs: JOBS });
  const { stdout } = await instar(["simulate", "off", ...WEEKS], { cwd: agent.dir });
  expect(stdout).toContain("2026-03-28 12:00:00 +01:00  off (disabled)\n");
});

test("a schedule needs no agent", async () => {
  await using dir = await tempDir();
  const words = ["simulate", "0 */8 * * *", "--days", "1", "--from", "2026-10-25", "--tz", "Europe/Berlin"];
  const { stdout, exitCode } = await instar(words, { cwd: dir.path });
  expect(stdout.split("\n").slice(0, 4)).toEqual([
    "2026-10-25 02:00:00 +01:00  -- Europe/Berlin: the clocks go from 03:00 to 02:00, 60 minutes come again",
    "2026-10-25 08:00:00 +01:00  schedule",
    "2026-10-25 16:00:00 +01:00  schedule",
    "2026-10-26 00:00:00 +01:00  schedule",
  ]);
  expect(exitCode).toBe(0);
});

test.each([
  [["nihgt"], 1, 'there is no job "nihgt"', 'did you mean "night"?'],
  [["--tz", "Europe/Berln"], 64, 'the time zone "Europe/Berln" is not known', 'did you mean "Europe/Berlin"?'],
  [["--days", "0"], 64, '--days is "0", and must be a whole number from 1 to 3660', ""],
  [["--from", "spring"], 64, '--from is "spring", and must be like 2026-03-01', ""],
  [["0 0 31 2 *"], 64, 'the schedule "0 0 31 2 *" never comes', "no year has such a day"],
  [["* * * * * *", "--days", "365"], 64, "31536000 firings are more than the 500000", "take fewer --days"],
])("%j is refused with exit %i", async (words, exit, message, hint) => {
  await using agent = await tempAgent({ jobs: JOBS });
  const { stdout, stderr, exitCode } = await instar(["simulate", ...words], { cwd: agent.dir });
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: exit });
  expect(stderr).toContain(`instar: error: ${message}`);
  expect(stderr).toContain(hint);
});

test("without a job there is nothing to simulate, and that is said", async () => {
  await using agent = await tempAgent();
  const { stdout, exitCode } = await instar(["simulate"], { cwd: agent.dir });
  expect({ stdout, exitCode }).toEqual({
    stdout: "no jobs to simulate; add one: instar help job add\n",
    exitCode: 0,
  });
});
