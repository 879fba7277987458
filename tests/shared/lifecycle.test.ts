import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keepHealing, readStatus, takePlace } from "../../shared/lifecycle.ts";
import { createLog } from "../../shared/log.ts";
import { readRun } from "../../shared/paths.ts";
import { type Started, tempAgent, type TempAgent } from "../support/temp-agent.ts";
import { until } from "../support/until.ts";

const main = join(import.meta.dirname, "../support/daemons/telegram.ts");

async function start(agent: TempAgent): Promise<Started> {
  return agent.start("telegram", { main });
}

test("a daemon tells that it starts and that it is up, with its process and release", async () => {
  await using agent = await tempAgent();
  const daemon = await start(agent);
  await daemon.ready;
  expect(await readStatus(agent.paths, "telegram")).toMatchObject({
    version: 1,
    name: "telegram",
    pid: daemon.pid,
    state: "up",
    release: expect.stringMatching(/^\d+\.\d+\.\d+/),
    concerns: {},
  });
});

test("a second copy leaves with exit 73, and names the pid and since when the first runs; the first goes on", async () => {
  await using agent = await tempAgent();
  const first = await start(agent);
  await first.ready;
  const second = await start(agent);
  expect(await second.exitCode).toBe(73);
  const status = await readStatus(agent.paths, "telegram");
  expect(second.log).toContain(`pid ${first.pid} since ${status?.since}`);
  expect(status?.pid).toBe(first.pid);
  expect(first.hasEnded).toBe(false);
});

test("of many that start at once, one gets the place", async () => {
  await using agent = await tempAgent();
  const copies = await Promise.all(Array.from({ length: 6 }, () => start(agent)));
  await until(() => copies.filter(({ hasEnded }) => hasEnded).length === 5);
  const holder = copies.find(({ hasEnded }) => !hasEnded);
  await holder?.ready;
  const losers = copies.filter((copy) => copy !== holder);
  expect(await Promise.all(losers.map(({ exitCode }) => exitCode))).toEqual([73, 73, 73, 73, 73]);
});

test("SIGKILL frees the place at once, and the status counts no more", async () => {
  await using agent = await tempAgent();
  const first = await start(agent);
  await first.ready;
  await first.kill();
  expect(await readStatus(agent.paths, "telegram")).toBeNull();
  await using _place = await takePlace(agent.paths, "telegram");
});

test("a place is held against this very process too, and is free after it is given back", async () => {
  await using agent = await tempAgent();
  const place = await takePlace(agent.paths, "updater");
  await expect(takePlace(agent.paths, "updater")).rejects.toMatchObject({ code: "PLACE_TAKEN" });
  await place[Symbol.asyncDispose]();
  await using again = await takePlace(agent.paths, "updater");
  expect(await again.holds()).toBe(true);
});

test("a lock whose file was removed holds nothing any more", async () => {
  await using agent = await tempAgent();
  await using place = await takePlace(agent.paths, "updater");
  await rm(agent.paths.lockDb("updater"));
  expect(await place.holds()).toBe(false);
});

test("who lost the place to another leaves with that reason, though it gave it up when it saw so", async () => {
  await using agent = await tempAgent();
  const lost = Promise.withResolvers<never>();
  const leave = async (): Promise<never> => {
    const place = await takePlace(agent.paths, "updater");
    const log = createLog({ name: "updater", level: "error" });
    const heal = async (): Promise<void> => {};
    await using _held = keepHealing({ paths: agent.paths, name: "updater", place, heal, log, onLost: lost.reject });
    await rm(agent.paths.lockDb("updater"));
    await using _another = await takePlace(agent.paths, "updater");
    return await lost.promise;
  };
  await expect(leave()).rejects.toMatchObject({ code: "PLACE_TAKEN" });
});

test("a lock file that is none is told with its cure", async () => {
  await using agent = await tempAgent();
  await writeFile(agent.paths.lockDb("updater"), "x".repeat(4096));
  await expect(takePlace(agent.paths, "updater")).rejects.toMatchObject({
    code: "UNAVAILABLE",
    hint: expect.stringContaining("remove"),
  });
});

test("a status file of a pid that was given to another process counts as none", async () => {
  await using agent = await tempAgent();
  const daemon = await start(agent);
  await daemon.ready;
  const status = await readStatus(agent.paths, "telegram");
  await daemon.kill();
  const stranger = { ...status, pid: process.pid };
  await writeFile(agent.paths.status("telegram"), JSON.stringify(stranger));
  expect(await readStatus(agent.paths, "telegram")).toBeNull();
  await writeFile(agent.paths.status("telegram"), "{");
  expect(await readStatus(agent.paths, "telegram")).toBeNull();
});

test.each([
  ["an unknown key", '{"projectName": "a", "auth": {"token": "t"}, "ports": 1}', 'did you mean "port"?'],
  ["no JSON", "{", "config.json"],
])("a config with %s is exit 78 and says what is wrong", async (_name, text, said) => {
  await using agent = await tempAgent();
  await writeFile(agent.paths.config, text);
  const daemon = await start(agent);
  expect(await daemon.exitCode).toBe(78);
  expect(JSON.parse(daemon.log.trim().split("\n").at(-1) ?? "").error.message).toContain(said);
});

test("a running daemon takes a changed config, keeps the last good one when it breaks, and says so until it is whole", async () => {
  await using agent = await tempAgent();
  const daemon = await start(agent);
  await daemon.ready;
  const seen = async (): Promise<string[]> => (await readFile(join(agent.dir, "seen"), "utf8")).trim().split("\n");
  const concerns = async (): Promise<object | undefined> => (await readStatus(agent.paths, "telegram"))?.concerns;
  const good = await readFile(agent.paths.config, "utf8");
  await writeFile(agent.paths.config, good.replace('"agent"', '"renamed"'));
  await until(async () => (await seen()).at(-1) === "renamed");
  await writeFile(agent.paths.config, "{");
  await until(async () => "config" in ((await concerns()) ?? {}));
  expect(daemon.hasEnded).toBe(false);
  await writeFile(agent.paths.config, good);
  await until(async () => !("config" in ((await concerns()) ?? { config: "" })));
  expect((await seen()).at(-1)).toBe("agent");
});

test.each(["SIGTERM", "SIGINT"] as const)("%s lets a daemon drain, and is exit 0", async (signal) => {
  await using agent = await tempAgent();
  const daemon = await start(agent);
  await daemon.ready;
  daemon.signal(signal);
  expect(await daemon.exitCode).toBe(0);
  expect(daemon.log).toContain('"drained"');
});

test("a daemon that does not end in time is ended, and says so", async () => {
  await using agent = await tempAgent();
  await writeFile(join(agent.dir, "slow"), "");
  const daemon = await start(agent);
  await daemon.ready;
  expect(await daemon.stop()).toBe(1);
  expect(daemon.log).toContain("did not end within 5 s");
});

test("a bug ends a daemon with exit 1 and its stack in one line of the log", async () => {
  await using agent = await tempAgent();
  await writeFile(join(agent.dir, "crash"), "");
  const daemon = await start(agent);
  expect(await daemon.exitCode).toBe(1);
  const said = JSON.parse(daemon.log.trim().split("\n").at(-1) ?? "");
  expect(said.error.stack).toContain("telegram.ts:");
  await expect(daemon.ready).rejects.toThrow("ended with 1");
});

test("run folder, lock and status that a cleaner removed are made again, and a second copy still finds the first", async () => {
  await using agent = await tempAgent();
  const daemon = await start(agent);
  await daemon.ready;
  const run = await readRun(agent.paths);
  await rm(run ?? "", { recursive: true });
  await until(async () => (await readStatus(agent.paths, "telegram"))?.pid === daemon.pid);
  const second = await start(agent);
  expect(await second.exitCode).toBe(73);
  expect(second.log).toContain(`pid ${daemon.pid} `);
});

test("a copied folder is refused with its cure, and does not disturb the agent it was copied from", async () => {
  await using agent = await tempAgent();
  await using other = await tempAgent();
  const daemon = await start(agent);
  await daemon.ready;
  await writeFile(other.paths.agent, await readFile(agent.paths.agent, "utf8"));
  const copy = await start(other);
  expect(await copy.exitCode).toBe(78);
  expect(copy.log).toContain(`copied or moved here from ${agent.dir}`);
  expect(copy.log).toContain("instar init");
  expect((await readStatus(agent.paths, "telegram"))?.pid).toBe(daemon.pid);
});

test("a folder without an agent is named", async () => {
  await using agent = await tempAgent();
  await rm(agent.paths.config);
  const lost = await start(agent);
  expect(await lost.exitCode).toBe(78);
  expect(lost.log).toContain(`there is no agent in ${agent.dir}`);
});
