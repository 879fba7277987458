import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { schedulerViewPath } from "../../shared/job-views.ts";
import { identify } from "../../shared/proc.ts";
import { instar } from "../support/cli.ts";
import { writePast } from "../support/past.ts";
import { tempAgent } from "../support/temp-agent.ts";

const NEWS = { slug: "news", name: "News", schedule: "0 9 * * *", execute: { type: "script", value: "true" } };
const ENV = { TZ: "UTC" };

test("a job is added as it was said, and nothing else", async () => {
  await using agent = await tempAgent();
  const words = [
    "job",
    "add",
    "--slug",
    "inbox",
    "--name",
    "In box",
    "--schedule",
    "*/15 8-18 * * 1-5",
    "--timezone",
    "Europe/Berlin",
    "--priority",
    "high",
    "--gate",
    "test -s inbox.md",
    "--model",
    "haiku",
    "--execute",
    "Answer what is new",
    "--timeout-minutes",
    "20",
    "--retries",
    "2",
    "--backoff-seconds",
    "30",
    "--overlap",
    "buffer-one",
    "--catch-up",
    "none",
    "--tag",
    "mail",
    "daily",
    "--disabled",
  ];
  const { stdout, exitCode } = await instar(words, { cwd: agent.dir });
  expect({ stdout, exitCode }).toEqual({ stdout: "added inbox (prompt), switched off\n", exitCode: 0 });
  expect(JSON.parse(await readFile(agent.paths.jobs, "utf8"))).toEqual([
    {
      slug: "inbox",
      name: "In box",
      schedule: "*/15 8-18 * * 1-5",
      priority: "high",
      model: "haiku",
      timezone: "Europe/Berlin",
      gate: "test -s inbox.md",
      timeoutMinutes: 20,
      overlap: "buffer-one",
      catchUp: "none",
      execute: { type: "prompt", value: "Answer what is new" },
      retries: { max: 2, backoffSeconds: 30 },
      tags: ["mail", "daily"],
      enabled: false,
    },
  ]);
});

test("a job without work says what its prompt is", async () => {
  await using agent = await tempAgent();
  const words = [
    "job",
    "add",
    "--slug",
    "a",
    "--name",
    "A",
    "--schedule",
    "@at 2999-01-01T00:00",
    "--description",
    "Do it",
  ];
  const { stdout } = await instar(words, { cwd: agent.dir, env: ENV });
  expect(stdout).toMatch(/^added a \(prompt\), first run 2999-01-0\d \d\d:00:00\nIts prompt is: Do it\n$/);
});

test("a job whose one instant is past says so when it is added", async () => {
  await using agent = await tempAgent();
  const words = ["job", "add", "--slug", "a", "--name", "A", "--schedule", "@at 2020-01-01T00:00", "--execute", "x"];
  const { stdout } = await instar(words, { cwd: agent.dir });
  expect(stdout).toBe("added a (prompt), its instant is past: it runs by hand only\n");
});

test("a history is told though jobs.json is broken", async () => {
  await using agent = await tempAgent();
  const slot = "2026-11-20T09:00:00.000Z";
  await writePast(agent.paths, "news", [{ at: slot, type: "claimed", slot, attempt: 1, trigger: "schedule" }]);
  await writeFile(agent.paths.jobs, "[");
  const { stdout, exitCode } = await instar(["job", "history", "news", "--json"], { cwd: agent.dir });
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ dueAt: slot }]);
  expect((await instar(["job", "history", "other"], { cwd: agent.dir })).exitCode).toBe(78);
});

test("the slots of a job whose entry is wrong say so, and of one that is gone", async () => {
  await using agent = await tempAgent({ jobs: [{ ...NEWS, schedule: "* *" }] });
  const slot = "2026-11-20T09:00:00.000Z";
  for (const slug of ["news", "old"])
    await writePast(agent.paths, slug, [{ at: slot, type: "claimed", slot, attempt: 1, trigger: "schedule" }]);
  const head = async (slug: string): Promise<string | undefined> =>
    (await instar(["slots", slug], { cwd: agent.dir })).stdout.split("\n")[0];
  expect(await head("news")).toMatch(/^news: not run: `instar job list` says what is wrong with it, looked at /);
  expect(await head("old")).toMatch(/^old: in jobs.json no more, looked at /);
});

test("a job is switched off and on, and taken out; its history stays", async () => {
  await using agent = await tempAgent({ jobs: [NEWS] });
  await writePast(agent.paths, "news", [
    {
      at: "2026-11-20T09:00:00.000Z",
      type: "claimed",
      slot: "2026-11-20T09:00:00.000Z",
      attempt: 1,
      trigger: "schedule",
    },
  ]);
  const said = async (...words: string[]): Promise<string> => (await instar(words, { cwd: agent.dir })).stdout;
  expect(await said("job", "disable", "news")).toBe("news is now off\n");
  expect(await said("job", "disable", "news")).toBe("news is already off\n");
  expect(await said("job", "enable", "news")).toBe("news is now on\n");
  expect(await said("job", "remove", "news")).toBe("removed news; its history stays: instar job history news\n");
  expect(await said("job", "list")).toBe("no jobs; add one: instar help job add\n");
  expect(JSON.parse(await said("job", "history", "news", "--json"))).toMatchObject([
    { dueAt: "2026-11-20T09:00:00.000Z" },
  ]);
});

test("jobs are listed with every daemon down, and wrong entries with their reasons", async () => {
  const wrong = { ...NEWS, slug: "wrong", schedule: "61 * * * *" };
  const off = { ...NEWS, slug: "off", enabled: false };
  await using agent = await tempAgent({ jobs: [NEWS, wrong, off] });
  await writePast(agent.paths, "news", [
    {
      at: "2026-11-20T09:00:00.000Z",
      type: "claimed",
      slot: "2026-11-20T09:00:00.000Z",
      attempt: 1,
      trigger: "schedule",
    },
    {
      at: "2026-11-20T09:00:05.000Z",
      type: "finished",
      slot: "2026-11-20T09:00:00.000Z",
      attempt: 1,
      outcome: "failure",
      startedAt: "2026-11-20T09:00:01.000Z",
      endedAt: "2026-11-20T09:00:05.000Z",
      exitCode: 3,
      signal: null,
    },
  ]);
  const { stdout, exitCode } = await instar(["job", "list"], { cwd: agent.dir, env: ENV });
  expect(exitCode).toBe(0);
  const lines = stdout
    .split("\n")
    .map((line) => line.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "AT").split(/ {2,}/));
  expect(lines).toEqual([
    ["SLUG", "SCHEDULE", "NEXT", "LAST", "OUTCOME", "FAILED", "NOW"],
    ["news", "0 9 * * *", "AT", "AT", "failure", "1 in a row"],
    ["off", "0 9 * * *", "switched off", "-", "-", "-"],
    [
      'not run: wrong, jobs[1].schedule: the schedule "61 * * * *" is wrong in its minute: 61 is not in 0 to 59; write a number from 0 to 59',
    ],
    [""],
  ]);
  const listed = JSON.parse((await instar(["job", "list", "--json"], { cwd: agent.dir })).stdout) as object[];
  expect(listed).toMatchObject([
    { slug: "news", lastOutcome: "failure", consecutiveFailures: 1, standing: "on" },
    { slug: "off", nextRun: null, standing: "disabled" },
    { slug: "wrong", standing: "invalid" },
  ]);
});

test("open slots are told with the scheduler down, and how far they are while it lives", async () => {
  await using agent = await tempAgent({ jobs: [NEWS] });
  const { paths } = agent;
  const slots = ["18", "19", "20"].map((day) => `2026-11-${day}T09:00:00.000Z`);
  await writePast(
    paths,
    "news",
    slots.map((slot) => ({ at: slot, type: "claimed", slot, attempt: 1, trigger: "schedule" })),
  );
  const list = async (): Promise<string> => (await instar(["job", "list"], { cwd: agent.dir })).stdout;
  expect(await list()).toMatch(/ {2}3 waiting\n$/);
  const [first, ...others] = slots.map((slot) => ({ slug: "news", slot, attempt: 1, since: slot }));
  const queue = [
    { ...first, state: "running" },
    ...others.map((slot) => ({ ...slot, state: "waiting", reason: "all places are taken" })),
  ];
  const numbers = { paused: false, jobs: 1, enabled: 1, active: 1, queued: 2, maxParallelJobs: 1 };
  const view = { version: 1, at: slots[2], pid: process.pid, ...numbers, queue };
  await writeFile(schedulerViewPath(paths), JSON.stringify(view));
  const status = { version: 1, name: "scheduler", since: slots[2], state: "up", release: "1", concerns: {} };
  await writeFile(paths.status("scheduler"), JSON.stringify({ ...status, ...(await identify(process.pid)) }));
  expect(await list()).toMatch(/ {2}running; 2 waiting: all places are taken\n$/);
});

test("history tells slots and gaps, newest first", async () => {
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
      at: "2026-11-19T09:00:00.000Z",
      type: "claimed",
      slot: "2026-11-19T09:00:00.000Z",
      attempt: 1,
      trigger: "schedule",
    },
    {
      at: "2026-11-19T09:00:00.000Z",
      type: "skipped",
      slot: "2026-11-19T09:00:00.000Z",
      attempt: 1,
      reason: "gate",
      detail: "exit 1",
    },
    {
      at: "2026-11-20T09:00:00.000Z",
      type: "claimed",
      slot: "2026-11-20T09:00:00.000Z",
      attempt: 1,
      trigger: "schedule",
    },
    {
      at: "2026-11-20T09:00:03.000Z",
      type: "finished",
      slot: "2026-11-20T09:00:00.000Z",
      attempt: 1,
      outcome: "success",
      startedAt: "2026-11-20T09:00:00.500Z",
      endedAt: "2026-11-20T09:00:03.000Z",
      exitCode: 0,
      signal: null,
    },
  ]);
  const { stdout } = await instar(["job", "history", "news"], { cwd: agent.dir, env: ENV });
  expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
    ["DUE", "OUTCOME", "ATTEMPTS", "TOOK", "REASON"],
    ["2026-11-20 09:00:00", "success", "1", "2.5 s"],
    ["2026-11-19 09:00:00", "skipped", "0", "-", "gate: exit 1"],
    ["2026-11-18 09:00:00", "missed", "-", "-", "3 since 2026-11-15 09:00:00: missed: nobody looked"],
    [""],
  ]);
  const slots = await instar(["slots", "news", "--next", "0", "--limit", "1", "--json"], { cwd: agent.dir });
  expect(JSON.parse(slots.stdout)).toMatchObject({
    slug: "news",
    standing: "on",
    watermark: "2026-11-20T09:00:00.000Z",
    next: [],
    open: [],
    past: [{ dueAt: "2026-11-20T09:00:00.000Z", outcome: "success" }],
  });
});

test("a wish is kept while the scheduler is down, and says so", async () => {
  await using agent = await tempAgent({ jobs: [NEWS] });
  const { stdout, exitCode } = await instar(["job", "trigger", "news", "--json"], { cwd: agent.dir });
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    slug: "news",
    result: "queued",
    reason: "the scheduler is not running; the job runs when it is back",
  });
});

test("what others wrote cannot speak to the terminal", async () => {
  const name = "\u001b[31mred\u001b]0;title\u0007";
  await using agent = await tempAgent({ jobs: [{ ...NEWS, schedule: `0 9 ${name} * *` }] });
  const { stdout } = await instar(["job", "list"], { cwd: agent.dir });
  expect(stdout).toContain("not run: news");
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  expect(stdout).not.toMatch(/[\u001b\u0007]/);
});
