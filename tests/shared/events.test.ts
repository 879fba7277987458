import { appendFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../shared/clock.ts";
import { type EventRecord, followEvents, openEvents, readEvents } from "../../shared/events.ts";
import { agentPaths, type AgentPaths, exists } from "../../shared/paths.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/until.ts";

function event(id: string, at: string, more: Partial<EventRecord> = {}): EventRecord {
  return { id, type: "job_completed", level: "info", at, message: `${id} happened`, ...more };
}

async function house(): Promise<AsyncDisposable & { readonly paths: AgentPaths }> {
  const dir = await tempDir();
  return { paths: agentPaths(dir.path), [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

const NOON = "2026-11-20T12:00:00.000Z";
const clock = createFakeClock();

test("an event is told once, however often its teller begins anew", async () => {
  await using at = await house();
  for (const isFirst of [true, false, false]) {
    await using events = await openEvents(at.paths, "scheduler", { clock });
    expect(await events.tell(event("finished:a", NOON))).toBe(isFirst);
    expect(await events.tell(event("finished:a", NOON))).toBe(false);
  }
  expect(await readEvents(at.paths, { limit: 10 })).toEqual([event("finished:a", NOON)]);
});

test("a line that its teller was killed in is told again, whole", async () => {
  await using at = await house();
  const file = join(at.paths.state("scheduler"), "events-2026-11-20.jsonl");
  {
    await using events = await openEvents(at.paths, "scheduler", { clock });
    await events.tell(event("a", NOON));
  }
  await appendFile(file, JSON.stringify(event("b", NOON)).slice(0, 30));
  {
    await using events = await openEvents(at.paths, "scheduler", { clock });
    expect(await events.tell(event("b", NOON))).toBe(true);
  }
  expect((await readEvents(at.paths, { limit: 10 })).map(({ id }) => id).sort()).toEqual(["a", "b"]);
});

test("what happened is read newest first over all daemons and days, up to the limit", async () => {
  await using at = await house();
  await using scheduler = await openEvents(at.paths, "scheduler", { clock });
  await using gateway = await openEvents(at.paths, "gateway", { clock });
  await scheduler.tell(event("s1", "2026-11-18T10:00:00.000Z"));
  await scheduler.tell(event("s2", "2026-11-20T09:00:00.000Z"));
  await gateway.tell(event("g1", "2026-11-19T10:00:00.000Z"));
  await gateway.tell(event("g2", "2026-11-20T10:00:00.000Z"));
  // Told late: its day is over.
  await scheduler.tell(event("s3", "2026-11-18T11:00:00.000Z"));
  const ids = async (filter: Parameters<typeof readEvents>[1]): Promise<string[]> =>
    (await readEvents(at.paths, filter)).map(({ id }) => id);
  expect(await ids({ limit: 100 })).toEqual(["g2", "s2", "g1", "s3", "s1"]);
  expect(await ids({ limit: 2 })).toEqual(["g2", "s2"]);
  expect(await ids({ limit: 100, sinceMs: Date.parse("2026-11-19T10:00:00.000Z") })).toEqual(["g2", "s2", "g1"]);
});

test("filters choose by type and by job", async () => {
  await using at = await house();
  await using events = await openEvents(at.paths, "scheduler", { clock });
  await events.tell(event("a", NOON, { slug: "news" }));
  await events.tell(event("b", NOON, { slug: "news", type: "job_failed" }));
  await events.tell(event("c", NOON, { slug: "backup", type: "job_failed" }));
  const ids = async (filter: object): Promise<string[]> =>
    (await readEvents(at.paths, { limit: 10, ...filter })).map(({ id }) => id).sort();
  expect(await ids({ types: ["job_failed"] })).toEqual(["b", "c"]);
  expect(await ids({ slug: "news" })).toEqual(["a", "b"]);
  expect(await ids({ slug: "news", types: ["job_failed"] })).toEqual(["b"]);
});

test("a damaged line is reported and skipped", async () => {
  await using at = await house();
  const folder = at.paths.state("scheduler");
  await mkdir(folder, { recursive: true });
  const lines = [JSON.stringify(event("a", NOON)), "{damaged", JSON.stringify(event("b", NOON)), ""];
  await writeFile(join(folder, "events-2026-11-20.jsonl"), lines.join("\n"));
  const damages: string[] = [];
  const found = await readEvents(at.paths, { limit: 10, onDamage: ({ reason }) => damages.push(reason) });
  expect(found.map(({ id }) => id).sort()).toEqual(["a", "b"]);
  expect(damages).toEqual(["no JSON"]);
});

test("files older than 90 days are removed, and nothing else", async () => {
  await using at = await house();
  const folder = at.paths.state("scheduler");
  await mkdir(folder, { recursive: true });
  for (const name of ["events-2026-08-21.jsonl", "events-2026-08-22.jsonl", "other-2020-01-01.jsonl"])
    await writeFile(join(folder, name), "");
  await using events = await openEvents(at.paths, "scheduler", { clock });
  await events.tell(event("a", NOON));
  expect((await readdir(folder)).sort()).toEqual([
    "events-2026-08-22.jsonl",
    "events-2026-11-20.jsonl",
    "other-2020-01-01.jsonl",
  ]);
});

test("to ask whether something was told makes no file: on a full disk there is no room for one", async () => {
  await using at = await house();
  await using events = await openEvents(at.paths, "scheduler", { clock });
  expect(await events.isTold({ id: "a", at: NOON })).toBe(false);
  expect(await exists(at.paths.state("scheduler"))).toBe(false);
  await events.tell(event("a", NOON));
  expect(await events.isTold({ id: "a", at: NOON })).toBe(true);
});

test("who follows sees the last that was told, and what is told from then on, once and in order", async () => {
  await using at = await house();
  await using events = await openEvents(at.paths, "scheduler");
  const now = (): string => new Date().toISOString();
  await events.tell(event("long before", now()));
  await events.tell(event("before", new Date(Date.now() + 1).toISOString()));
  const stop = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    const stream = followEvents(at.paths, { limit: 1 }, { clock: systemClock, signal: stop.signal });
    for await (const { id } of stream) seen.push(id);
  })();
  await until(() => seen.includes("before"));
  const ids = Array.from({ length: 20 }, (_, at) => `event:${String(at).padStart(2, "0")}`);
  const first = Date.now();
  for (const [at, id] of ids.entries()) await events.tell(event(id, new Date(first + at).toISOString()));
  await until(() => seen.includes("event:19"));
  stop.abort();
  await following;
  expect(seen).toEqual(["before", ...ids]);
});
