import { execFile } from "node:child_process";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { InstarError } from "../../shared/errors.ts";
import {
  addJob,
  editJobs,
  type Job,
  jobsJsonSchema,
  loadJobs,
  parseJobs,
  removeJob,
  setJobEnabled,
} from "../../shared/jobs.ts";
import { agentPaths, type AgentPaths } from "../../shared/paths.ts";
import { makeFolder } from "../../shared/store.ts";
import { tempDir } from "../support/temp.ts";

const RIGHT = { slug: "news", name: "News", schedule: "0 9 * * *", execute: { type: "script", value: "./news" } };

const WRONG: readonly (readonly [string, unknown, string])[] = [
  ["no object", 5, "jobs[0]: must be an object, is 5"],
  ["nothing", null, "jobs[0]: must be an object, is null"],
  ["no slug", { ...RIGHT, slug: undefined }, "jobs[0].slug: is missing"],
  [
    "a slug with blanks",
    { ...RIGHT, slug: "the news" },
    'jobs[0].slug: must be 1 to 100 of a-z, 0-9 and -, and not begin with -, is "the news"',
  ],
  [
    "a slug that leads elsewhere",
    { ...RIGHT, slug: "../news" },
    'jobs[0].slug: must be 1 to 100 of a-z, 0-9 and -, and not begin with -, is "../news"',
  ],
  ["no name", { ...RIGHT, name: "" }, "jobs[0].name: must not be empty"],
  ["no schedule", { ...RIGHT, schedule: undefined }, "jobs[0].schedule: is missing"],
  [
    "a schedule of other words",
    { ...RIGHT, schedule: "daily at nine" },
    'jobs[0].schedule: the schedule "daily at nine" has 3 fields; cron has 5 fields (minute, hour, day, month, weekday), or 6 with seconds first: 0 9 * * 1-5',
  ],
  [
    "an hour that no clock shows",
    { ...RIGHT, schedule: "0 25 * * *" },
    'jobs[0].schedule: the schedule "0 25 * * *" is wrong in its hour: 25 is not in 0 to 23; write a number from 0 to 23',
  ],
  ["a number for a schedule", { ...RIGHT, schedule: 5 }, "jobs[0].schedule: must be a text, is 5"],
  [
    "a zone that there is not",
    { ...RIGHT, timezone: "Mars" },
    'jobs[0].timezone: must be a time zone such as "Europe/Berlin" or "UTC", is "Mars"',
  ],
  [
    "a misspelt key",
    { ...RIGHT, timeoutMinute: 5 },
    'jobs[0]: unknown key "timeoutMinute", did you mean "timeoutMinutes"?',
  ],
  [
    "a misspelt key inside",
    { ...RIGHT, retries: { maximum: 5 } },
    'jobs[0].retries: unknown key "maximum", did you mean "max"?',
  ],
  [
    "work of an unknown kind",
    { ...RIGHT, execute: { type: "http", value: "x" } },
    'jobs[0].execute.type: must be "prompt" or "script" or "skill", is "http"',
  ],
  ["no work", { ...RIGHT, execute: { type: "script" } }, "jobs[0].execute.value: is missing"],
  ["empty work", { ...RIGHT, execute: { type: "script", value: "" } }, "jobs[0].execute.value: must not be empty"],
  ["work as a text", { ...RIGHT, execute: "./news" }, 'jobs[0].execute: must be an object, is "./news"'],
  [
    "an unknown priority",
    { ...RIGHT, priority: "urgent" },
    'jobs[0].priority: must be "critical" or "high" or "normal" or "low" or "medium", is "urgent"',
  ],
  [
    "a model with blanks",
    { ...RIGHT, model: "the best" },
    'jobs[0].model: must be "opus", "sonnet", "haiku" or the full name of a model, is "the best"',
  ],
  ["a text for a switch", { ...RIGHT, enabled: "yes" }, 'jobs[0].enabled: must be true or false, is "yes"'],
  ["no time at all", { ...RIGHT, timeoutMinutes: 0 }, "jobs[0].timeoutMinutes: must be more than 0, is 0"],
  ["time that goes back", { ...RIGHT, jitterSeconds: -1 }, "jobs[0].jitterSeconds: must be at least 0, is -1"],
  ["half a retry", { ...RIGHT, retries: { max: 1.5 } }, "jobs[0].retries.max: must be a whole number, is 1.5"],
  [
    "more retries than there are",
    { ...RIGHT, retries: { max: 1000 } },
    "jobs[0].retries.max: must be at most 100, is 1000",
  ],
  [
    "an unknown policy",
    { ...RIGHT, overlap: "queue" },
    'jobs[0].overlap: must be "skip" or "buffer-one" or "buffer-all" or "cancel-other" or "allow", is "queue"',
  ],
  [
    "an unknown catch-up",
    { ...RIGHT, catchUp: "some" },
    'jobs[0].catchUp: must be "latest" or "all" or "none", is "some"',
  ],
  ["tags as a text", { ...RIGHT, tags: "a,b" }, 'jobs[0].tags: must be a list, is "a,b"'],
  ["an empty gate", { ...RIGHT, gate: "" }, "jobs[0].gate: must not be empty"],
  ["two faults", { ...RIGHT, name: 5, gate: 5 }, "jobs[0].name: must be a text, is 5 (and 1 more)"],
];

test.each(WRONG)("an entry with %s is passed over with its reason, and the others run", (_, entry, reason) => {
  const other = { ...RIGHT, slug: "other" };
  const { jobs, invalid } = parseJobs(JSON.stringify([entry, other]), "jobs.json");
  expect(jobs.map(({ slug }) => slug)).toEqual(["other"]);
  expect(invalid.map((fault) => fault.reason)).toEqual([reason]);
});

test.each([
  ["no JSON", "[{]", 'jobs.json:1:3: found "]" where a key in double quotes was expected'],
  ["nothing", "", "jobs.json: is empty"],
  ["a job alone", JSON.stringify(RIGHT), 'jobs.json: must be a list of jobs, or {"version": 1, "jobs": [...]}'],
  [
    "a version of the future",
    '{"version": 2, "jobs": []}',
    'jobs.json: must be a list of jobs, or {"version": 1, "jobs": [...]}',
  ],
  [
    "a key beside the jobs",
    '{"version": 1, "jobs": [], "job": []}',
    'jobs.json: must be a list of jobs, or {"version": 1, "jobs": [...]}',
  ],
  [
    "too many jobs",
    JSON.stringify(Array.from({ length: 2001 }, () => 0)),
    "jobs.json: holds 2001 jobs; 2000 is the most",
  ],
])("a file that holds %s is refused whole", (_, text, message) => {
  expect(() => parseJobs(text, "jobs.json")).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", message }));
});

test("the second of two entries of one slug is passed over, even when the first is not right", () => {
  const { jobs, invalid } = parseJobs(
    JSON.stringify([RIGHT, RIGHT, { slug: "x" }, { ...RIGHT, slug: "x" }]),
    "jobs.json",
  );
  expect(jobs).toHaveLength(1);
  expect(invalid.map(({ index, reason }) => [index, reason])).toEqual([
    [1, 'jobs[1].slug: "news" is the slug of jobs[0] already'],
    [2, expect.stringContaining("jobs[2].name: is missing")],
    [3, 'jobs[3].slug: "x" is the slug of jobs[2] already'],
  ]);
});

test("every default is filled, and medium is normal", () => {
  expect(parseJobs(JSON.stringify([{ ...RIGHT, priority: "medium" }]), "jobs.json").jobs).toEqual([
    {
      ...RIGHT,
      description: "",
      priority: "normal",
      model: "sonnet",
      enabled: true,
      jitterSeconds: 0,
      retries: { max: 0, backoffSeconds: 60 },
      overlap: "skip",
      catchUp: "latest",
      catchUpWindowMinutes: 1440,
      notify: "always",
      tags: [],
    },
  ]);
});

test.each([
  [{ description: "Write the news" }, "Write the news"],
  [{}, "News"],
])("a job without work is a prompt: its description, else its name", (more, value) => {
  const { execute: _, ...entry } = RIGHT;
  const [job] = parseJobs(JSON.stringify([{ ...entry, ...more }]), "jobs.json").jobs;
  expect(job?.execute).toEqual({ type: "prompt", value });
});

async function agentWith(
  text: string | null,
): Promise<AsyncDisposable & { paths: AgentPaths; read: () => Promise<string> }> {
  const dir = await tempDir();
  const paths = agentPaths(dir.path);
  await makeFolder(paths.instar);
  if (text !== null) await writeFile(paths.jobs, text);
  return {
    paths,
    read: () => readFile(paths.jobs, "utf8"),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

const ENTRY = { slug: "more", name: "More", schedule: "@every 5m" };

test("no file is no jobs, and the first job makes it", async () => {
  await using agent = await agentWith(null);
  expect(await loadJobs(agent.paths)).toEqual({ jobs: [], invalid: [] });
  const job: Job = await addJob(agent.paths, ENTRY);
  expect(job.execute).toEqual({ type: "prompt", value: "More" });
  expect(JSON.parse(await agent.read())).toEqual([ENTRY]);
});

test("an edit keeps the form of the file, and entries that are not right", async () => {
  await using agent = await agentWith(JSON.stringify({ version: 1, jobs: [{ slug: "broken" }, 5] }));
  await addJob(agent.paths, ENTRY);
  expect(await setJobEnabled(agent.paths, "broken", false)).toBe(true);
  expect(await setJobEnabled(agent.paths, "broken", false)).toBe(false);
  const jobs = [{ slug: "broken", enabled: false }, 5, ENTRY];
  expect(JSON.parse(await agent.read())).toEqual({ version: 1, jobs });
  await removeJob(agent.paths, "broken");
  expect(JSON.parse(await agent.read())).toEqual({ version: 1, jobs: [5, ENTRY] });
});

test("a job that changes nothing leaves the file as it was written", async () => {
  const text = `[ ${JSON.stringify(ENTRY)} ]`;
  await using agent = await agentWith(text);
  expect(await setJobEnabled(agent.paths, "more", true)).toBe(false);
  expect(await agent.read()).toBe(text);
});

test.each<[string, (paths: AgentPaths) => Promise<unknown>, object]>([
  [
    "a slug that is taken",
    (paths) => addJob(paths, ENTRY),
    {
      code: "CONFLICT",
      message: 'there is a job "more" already',
      hint: "choose another slug, or: instar job remove more",
    },
  ],
  [
    "a job that is not right",
    (paths) => addJob(paths, { ...ENTRY, schedule: "@every never" }),
    { code: "CONFIG_INVALID", message: expect.stringMatching(/^job\.schedule: /) as string },
  ],
  [
    "a job that there is not",
    (paths) => setJobEnabled(paths, "mor", true),
    { code: "JOB_NOT_FOUND", message: 'there is no job "mor"', hint: 'did you mean "more"?' },
  ],
  [
    "the removal of nothing",
    (paths) => removeJob(paths, "zzz"),
    { code: "JOB_NOT_FOUND", message: 'there is no job "zzz"', hint: "list them: instar job list" },
  ],
])("refuses %s, and leaves the file alone", async (_, act, refusal) => {
  const text = JSON.stringify([ENTRY]);
  await using agent = await agentWith(text);
  const error = await act(agent.paths).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InstarError);
  expect(error).toMatchObject(refusal);
  expect(await agent.read()).toBe(text);
});

test("a file that is no list is never written over", async () => {
  await using agent = await agentWith("{");
  await expect(addJob(agent.paths, ENTRY)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  await expect(editJobs(agent.paths, () => [])).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  expect(await agent.read()).toBe("{");
});

test("edits at once lose nothing", async () => {
  await using agent = await agentWith("[]");
  const slugs = Array.from({ length: 12 }, (_, at) => `job-${at}`);
  await Promise.all(slugs.map((slug) => addJob(agent.paths, { ...ENTRY, slug })));
  const { jobs } = await loadJobs(agent.paths);
  expect(jobs.map(({ slug }) => slug).sort()).toEqual(slugs.toSorted());
});

test("the schema for editors describes both forms", () => {
  expect(JSON.stringify(jobsJsonSchema())).toContain('"required":["slug","name","schedule"]');
});

test("a jobs.json that is no file, or far too large, is refused before it is read", async () => {
  await using dir = await tempDir();
  const jobs = join(dir.path, "jobs.json");
  await promisify(execFile)("mkfifo", [jobs]);
  await expect(loadJobs({ jobs })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: `cannot read ${jobs}`,
    cause: { message: `${jobs} is no file` },
  });
  await rm(jobs);
  await writeFile(jobs, "");
  await truncate(jobs, 2 ** 40);
  await expect(loadJobs({ jobs })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    cause: { message: `${jobs} is larger than 8388608 bytes` },
  });
});
