import { appendFile, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type EventRecord, openEvents } from "../../shared/events.ts";
import { instar, startInstar } from "../support/cli.ts";
import { tempAgent } from "../support/temp-agent.ts";
import { until } from "../support/until.ts";

const ENV = { TZ: "UTC" };

function line(time: string, level: string, msg: string, more: object = {}): string {
  return `${JSON.stringify({ level, time, name: "x", pid: 1, ...more, msg })}\n`;
}

async function agentWithLogs(): ReturnType<typeof tempAgent> {
  const agent = await tempAgent();
  await mkdir(agent.paths.logs, { recursive: true });
  const scheduler =
    line("2026-11-20T10:00:01.000Z", "info", "up", { jobs: 2 }) +
    "TypeError: boom\n    at main.js:1\n" +
    line("2026-11-20T10:00:03.000Z", "error", "cannot start", { error: { message: "no room" } });
  await writeFile(join(agent.paths.logs, "scheduler.log"), scheduler);
  await writeFile(join(agent.paths.logs, "scheduler.log.1"), line("2026-11-20T09:00:00.000Z", "info", "earlier"));
  await writeFile(join(agent.paths.logs, "gateway.log"), `<4>${line("2026-11-20T10:00:02.000Z", "warn", "slow")}`);
  return agent;
}

test("all logs are told in the order of their times; what is no record stands behind the line before it", async () => {
  await using agent = await agentWithLogs();
  const { stdout } = await instar(["logs"], { cwd: agent.dir, env: ENV });
  expect(stdout).toBe(
    [
      "2026-11-20 09:00:00  scheduler  info   earlier",
      "2026-11-20 10:00:01  scheduler  info   up  jobs=2",
      "2026-11-20 10:00:01  scheduler  error  TypeError: boom",
      "2026-11-20 10:00:01  scheduler  error      at main.js:1",
      "2026-11-20 10:00:02  gateway    warn   slow",
      '2026-11-20 10:00:03  scheduler  error  cannot start  error="no room"',
      "",
    ].join("\n"),
  );
});

test.each([
  [["gateway"], ["slow"]],
  [
    ["-p", "warning"],
    ["TypeError: boom", "    at main.js:1", "slow", "cannot start"],
  ],
  [["-p", "err", "--limit", "1"], ["cannot start"]],
  [
    ["--since", "2026-11-20T10:00:02Z"],
    ["slow", "cannot start"],
  ],
  [["tmux"], []],
])("%j choose", async (words, messages) => {
  await using agent = await agentWithLogs();
  const { stdout } = await instar(["logs", "--json", ...words], { cwd: agent.dir });
  expect((JSON.parse(stdout) as { message: string }[]).map(({ message }) => message)).toEqual(messages);
});

test("who follows sees each line whole, and goes on when a log begins anew or for the first time", async () => {
  await using agent = await agentWithLogs();
  const path = join(agent.paths.logs, "scheduler.log");
  const following = startInstar(["logs", "-f", "--json", "--limit", "1"], { cwd: agent.dir });
  const seen = (): string[] =>
    following.stdout
      .split("\n")
      .filter(Boolean)
      .map((text) => (JSON.parse(text) as { message: string }).message);
  const now = new Date().toISOString();
  try {
    await until(() => seen().includes("cannot start"));
    const text = line(now, "info", "in two parts");
    await appendFile(path, text.slice(0, 20));
    await appendFile(path, text.slice(20));
    await until(() => seen().includes("in two parts"));
    await truncate(path);
    // As much as a rotation leaves: less than there was.
    await appendFile(path, line(now, "info", "anew"));
    await until(() => seen().includes("anew"));
    await writeFile(join(agent.paths.logs, "supervisor.log"), line(now, "info", "for the first time"));
    await until(() => seen().includes("for the first time"));

    expect(seen()).toEqual(["cannot start", "in two parts", "anew", "for the first time"]);
  } finally {
    await following.kill();
  }
});

function event(id: string, at: string, type: EventRecord["type"] = "job_completed"): EventRecord {
  return { id, type, level: type === "job_failed" ? "error" : "info", at, message: `${id} happened`, slug: "news" };
}

test("events are told with the newest last, filtered as asked, and followed", async () => {
  await using agent = await tempAgent();
  await using events = await openEvents(agent.paths, "scheduler");
  const now = Date.now();
  const at = (agoMs: number): string => new Date(now - agoMs).toISOString();
  await events.tell(event("old", at(7_200_000)));
  await events.tell(event("first", at(2000)));
  await events.tell(event("second", at(1000), "job_failed"));
  const said = async (...words: string[]): Promise<string> =>
    (await instar(["events", ...words], { cwd: agent.dir, env: ENV })).stdout;
  const ids = async (...words: string[]): Promise<string[]> =>
    (JSON.parse(await said("--json", ...words)) as EventRecord[]).map(({ id }) => id);
  expect((await said("--limit", "2")).replaceAll(/^\S+ \S+/gm, "AT")).toBe(
    "AT  job_completed  first happened\nAT  job_failed  second happened\n",
  );
  expect(await ids()).toEqual(["second", "first", "old"]);
  expect(await ids("--since", "1h")).toEqual(["second", "first"]);
  expect(await ids("--type", "job_failed")).toEqual(["second"]);
  expect(await ids("--job", "backup")).toEqual([]);
  const following = startInstar(["events", "-f", "--json", "--limit", "1"], { cwd: agent.dir });
  try {
    await until(() => following.stdout.includes('"second"'));
    await events.tell(event("third", new Date().toISOString()));
    await until(() => following.stdout.includes('"third"'));
    expect(following.stdout).not.toContain('"first"');
  } finally {
    await following.kill();
  }
});
