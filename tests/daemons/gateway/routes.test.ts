import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openApiDocument } from "../../../daemons/gateway/openapi.ts";
import { ROUTES } from "../../../daemons/gateway/routes.ts";
import { isoInstant } from "../../../shared/clock.ts";
import { InstarError } from "../../../shared/errors.ts";
import { openEvents } from "../../../shared/events.ts";
import { schedulerViewPath } from "../../../shared/job-views.ts";
import { type SlotRecord, slotFolder } from "../../../shared/slots.ts";
import { type TestFace, type TestFaceOptions, testFace, WELL, WITH_TOKEN } from "../../support/face.ts";

const JOBS = [
  { slug: "news", name: "News", schedule: "0 8 * * *", execute: { type: "script", value: "true" } },
  { slug: "off", name: "Off", schedule: "@every 1h", enabled: false, execute: { type: "script", value: "true" } },
  { slug: "wrong", name: "Wrong", schedule: "at noon" },
];
const SLOT = "2026-11-20T08:00:00.000Z";

/** A face over an agent of which one job has run, and one line of each kind was written. */
async function livedFace(options: TestFaceOptions = {}): Promise<TestFace> {
  const test = await testFace({ jobs: JOBS, ...options });
  const records: SlotRecord[] = [
    { v: 1, type: "claimed", at: SLOT, slot: SLOT, attempt: 1, trigger: "schedule" },
    {
      v: 1,
      type: "finished",
      at: SLOT,
      slot: SLOT,
      attempt: 1,
      outcome: "failure",
      startedAt: SLOT,
      endedAt: "2026-11-20T08:00:05.000Z",
      exitCode: 3,
      signal: null,
    },
  ];
  const folder = slotFolder(test.paths, "news");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "2026-11.jsonl"), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  await using events = await openEvents(test.paths, "scheduler", { clock: test.clock });
  const day = test.clock.now() - 24 * 3_600_000;
  for (const [id, at] of Object.entries({ old: day - 1, last: day, latest: test.clock.now() }))
    await events.tell({
      id,
      at: isoInstant(at),
      type: id === "latest" ? "job_failed" : "job_triggered",
      level: "info",
      message: id,
    });
  return test;
}

async function get<T = unknown>(test: TestFace, url: string): Promise<T> {
  const answer = await test.face.inject({ url, headers: WITH_TOKEN });
  expect(answer.statusCode).toBe(200);
  return answer.json<T>();
}

describe("health", () => {
  test("tells whoever has no token only that it lives", async () => {
    await using test = await testFace();
    await test.clock.advance(1234);
    const answer = await test.face.inject({ url: "/health", headers: { host: "localhost" } });
    expect(answer.json()).toEqual({ status: "ok", version: "1.2.3", uptimeMs: 1234 });
  });

  test("tells whoever has the token of every daemon", async () => {
    await using test = await testFace({ scheduler: { concerns: { sessionsRunning: "2", sessionsMax: "5" } } });
    const off = { state: "off", since: null };
    const up = { state: "up", since: "2026-11-20T11:00:00.000Z" };
    expect(await get(test, "/health")).toEqual({
      status: "ok",
      version: "1.2.3",
      uptimeMs: 0,
      node: process.version,
      sessions: { running: 2, max: 5 },
      scheduler: { running: true, paused: false },
      memory: { rssBytes: expect.any(Number) as number },
      daemons: { gateway: up, scheduler: up, telegram: off, dispatch: off, updater: off },
    });
  });

  test("reads no file: it is the same when the agent's folder is gone", async () => {
    await using test = await testFace();
    const before = await get(test, "/health");
    await rm(test.paths.instar, { recursive: true });
    expect(await get(test, "/health")).toEqual({ ...(before as object), memory: expect.any(Object) as object });
    // The twin, which does read: it fails.
    await mkdir(dirname(schedulerViewPath(test.paths)), { recursive: true });
    await mkdir(schedulerViewPath(test.paths));
    expect((await test.face.inject({ url: "/status", headers: WITH_TOKEN })).statusCode).toBe(500);
  });

  test.each([
    ["is down", { state: "down", complains: true }],
    ["is starting", { state: "starting", complains: false }],
    ["complains", { state: "up", complains: true, detail: "config: unknown key" }],
    ["was given up", { state: "failed", complains: true }],
  ] as const)("is degraded when a daemon %s", async (_what, fields) => {
    const scheduler = { ...WELL.daemons.scheduler, ...fields };
    await using test = await testFace({ suite: { ...WELL, daemons: { ...WELL.daemons, scheduler } } });
    const health = await get<{ status: string; daemons: { scheduler: { detail?: string } } }>(test, "/health");
    expect(health.status).toBe("degraded");
    expect(health.daemons.scheduler.detail).toBe("detail" in fields ? fields.detail : undefined);
  });
});

test("status has the scheduler's numbers, and none before it ever ran", async () => {
  await using test = await testFace();
  const none = { jobs: 0, enabled: 0, queued: 0, active: 0 };
  const sessions = { running: 0, max: 3, list: [] };
  expect(await get(test, "/status")).toEqual({ sessions, scheduler: { running: true, paused: false, ...none } });
  const numbers = { jobs: 4, enabled: 3, queued: 2, active: 1 };
  const view = { version: 1, at: SLOT, pid: 7, paused: false, maxParallelJobs: 2, queue: [], ...numbers };
  await mkdir(test.paths.state("scheduler"), { recursive: true });
  await writeFile(schedulerViewPath(test.paths), JSON.stringify(view));
  expect(await get(test, "/status")).toEqual({ sessions, scheduler: { running: true, paused: false, ...numbers } });
});

test("jobs are told with what became of them, the invalid one with its reason", async () => {
  await using test = await livedFace();
  const [news, off, wrong] = await get<Record<string, unknown>[]>(test, "/jobs");
  expect(news).toMatchObject({ slug: "news", lastRun: SLOT, lastOutcome: "failure", consecutiveFailures: 1 });
  expect(off).toMatchObject({ slug: "off", enabled: false, nextRun: null, lastRun: null });
  expect(wrong).toMatchObject({ slug: "wrong", standing: "invalid", nextRun: null });
  expect(wrong?.["invalid"]).toMatch(/^jobs\[2\]\.schedule: /);
});

test("jobs are told by the last good config.json while the one on the disk is broken", async () => {
  await using test = await livedFace();
  await writeFile(test.paths.config, "{");
  expect(await get(test, "/jobs")).toHaveLength(3);
});

test("history is newest first, within its limit, and of a removed job too", async () => {
  await using test = await livedFace();
  const [entry, ...more] = await get<Record<string, unknown>[]>(test, "/jobs/news/history?limit=1");
  expect(entry).toMatchObject({ dueAt: SLOT, outcome: "failure", exitCode: 3, attempts: [{ attempt: 1 }] });
  expect(more).toEqual([]);
  await writeFile(test.paths.jobs, "[]");
  expect(await get(test, "/jobs/news/history")).toHaveLength(1);
});

test("a job that never ran has an empty history", async () => {
  await using test = await livedFace();
  expect(await get(test, "/jobs/off/history")).toEqual([]);
  expect(await get(test, "/jobs/wrong/history")).toEqual([]);
});

test("events are newest first, of the hours and types that were asked for", async () => {
  await using test = await livedFace();
  const ids = async (query: string): Promise<string[]> =>
    (await get<{ id: string }[]>(test, `/events${query}`)).map(({ id }) => id);
  expect(await ids("")).toEqual(["latest", "last"]);
  expect(await ids("?since=25")).toEqual(["latest", "last", "old"]);
  expect(await ids("?limit=1")).toEqual(["latest"]);
  expect(await ids("?since=25&type=job_triggered")).toEqual(["last", "old"]);
  expect(await ids("?type=job_completed")).toEqual([]);
});

test("a job is switched in jobs.json, its other fields stay, and the scheduler is told", async () => {
  const asked: string[] = [];
  const told = (name: string): Promise<never> => {
    asked.push(name);
    return Promise.reject(new InstarError("TIMEOUT", "no answer"));
  };
  await using test = await livedFace({ bus: { request: (name) => told(name) } });
  const change = (enabled: boolean) =>
    test.face.inject({ method: "PATCH", url: "/jobs/news", headers: WITH_TOKEN, payload: { enabled } });
  const answer = await change(false);
  expect([answer.statusCode, answer.json()]).toEqual([200, { slug: "news", enabled: false }]);
  expect(asked).toEqual(["jobs.reload"]);
  const entries: unknown = JSON.parse(await readFile(test.paths.jobs, "utf8"));
  expect(entries).toEqual([{ ...JOBS[0], enabled: false }, JOBS[1], JOBS[2]]);
});

test("a trigger while the scheduler is away is queued, and its wish is a file", async () => {
  await using test = await livedFace();
  const answer = await test.face.inject({ method: "POST", url: "/jobs/off/trigger", headers: WITH_TOKEN });
  expect(answer.statusCode).toBe(202);
  expect(answer.json()).toMatchObject({ slug: "off", result: "queued", slot: isoInstant(test.clock.now()) });
});

describe("the OpenAPI document", () => {
  test("holds every route with its parameters, and no other", () => {
    const document = openApiDocument(ROUTES, "1.2.3") as {
      paths: Record<string, Record<string, { parameters: { name: string; required: boolean; schema: unknown }[] }>>;
    };
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(operations).toEqual([
      "GET /health",
      "GET /status",
      "GET /jobs",
      "POST /jobs/reload",
      "POST /jobs/{slug}/trigger",
      "PATCH /jobs/{slug}",
      "GET /jobs/{slug}/history",
      "GET /events",
      "GET /openapi.json",
    ]);
    expect(document.paths["/jobs/{slug}/history"]?.["get"]?.parameters).toMatchObject([
      { name: "slug", in: "path", required: true, schema: { type: "string" } },
      {
        name: "limit",
        in: "query",
        required: false,
        description: "at most so many; without it 100",
        schema: { type: "integer", minimum: 1, maximum: 1000 },
      },
    ]);
  });

  test("is served as it is made", async () => {
    await using test = await testFace();
    const made: unknown = JSON.parse(JSON.stringify(openApiDocument(ROUTES, "1.2.3")));
    expect(await get(test, "/openapi.json")).toEqual(made);
  });

  test.each(ROUTES.filter(({ method, path }) => method === "GET" && path !== "/openapi.json"))(
    "says truly what GET $path answers",
    async ({ path, answer }) => {
      await using test = await livedFace();
      const given = await get(test, path.replace(":slug", "news"));
      const exact = answer instanceof z.ZodObject ? answer.strict() : answer;
      expect(exact.parse(given)).toEqual(given);
    },
  );
});
