import { mkdir, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type JobBoard, openJobBoard } from "../../../daemons/gateway/job-board.ts";
import type { Bus } from "../../../shared/bus.ts";
import { type Config, parseConfig } from "../../../shared/config.ts";
import { agentPaths, type AgentPaths } from "../../../shared/paths.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp.ts";
import { until } from "../../support/until.ts";

interface TestBoard extends AsyncDisposable {
  readonly board: JobBoard;
  readonly paths: AgentPaths;
  readonly clock: FakeClock;
  /** Writes jobs.json: jobs of these slugs. */
  write(...slugs: string[]): Promise<void>;
  slugs(): Promise<(string | null)[]>;
  readonly setConfig: (text: object) => void;
  /** What the bus calls: an event of the scheduler, or a new connection to it. */
  readonly hear: (what: "event" | "connection") => void;
}

/** `isWatching` false: no word from the file system, as on one that has none. */
async function testBoard({ isWatching = false } = {}): Promise<TestBoard> {
  const temp = await tempDir();
  const paths = agentPaths(temp.path);
  await mkdir(paths.instar);
  const configOf = (text: object): Config =>
    parseConfig(JSON.stringify({ projectName: "test", auth: { token: "t" }, ...text }), paths);
  let config = configOf({});
  const clock = createFakeClock();
  const heard = { event: () => undefined as void, connection: () => undefined as void };
  const subscribe: Bus["subscribe"] = (_daemon, names, onEvent, options) => {
    const [name] = names;
    if (name === undefined) throw new Error("nothing was asked for");
    heard.event = () => onEvent({ name, payload: {} } as Parameters<typeof onEvent>[0]);
    heard.connection = () => options?.onConnected?.();
    return { [Symbol.dispose]: () => undefined };
  };
  const watched = isWatching ? paths : { ...paths, instar: `${temp.path}/not-watched` };
  const board = openJobBoard({ paths: watched, clock, config: () => config, bus: { subscribe } });
  return {
    board,
    paths,
    clock,
    async write(...slugs) {
      const execute = { type: "script", value: "true" };
      await writeFile(
        paths.jobs,
        JSON.stringify(slugs.map((slug) => ({ slug, name: slug, schedule: "@daily", execute }))),
      );
    },
    slugs: async () => (await board.read()).map(({ slug }) => slug),
    setConfig: (text) => void (config = configOf(text)),
    hear: (what) => heard[what](),
    async [Symbol.asyncDispose]() {
      board[Symbol.dispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

test("what many ask for is read once, while nothing changes", async () => {
  await using test = await testBoard();
  await test.write("one");
  const first = await test.board.read();
  await test.write("one", "two");
  expect(await test.board.read()).toBe(first);
});

test.each<[string, (test: TestBoard) => void | Promise<void>]>([
  ["the gateway changed something", ({ board }) => board.drop()],
  ["the scheduler tells of a slot", ({ hear }) => hear("event")],
  ["the scheduler came back", ({ hear }) => hear("connection")],
  ["a second has passed", ({ clock }) => clock.advance(1000)],
  ["the settings changed", ({ setConfig }) => setConfig({ scheduler: { timezone: "Europe/Berlin" } })],
])("it is read again when %s", async (_name, change) => {
  await using test = await testBoard();
  await test.write("one");
  expect(await test.slugs()).toEqual(["one"]);
  await test.write("one", "two");
  await change(test);
  expect(await test.slugs()).toEqual(["one", "two"]);
});

test("an edit of jobs.json is seen without waiting", async () => {
  await using test = await testBoard({ isWatching: true });
  await test.write("one");
  expect(await test.slugs()).toEqual(["one"]);
  await test.write("one", "two");
  await until(async () => (await test.slugs()).length === 2);
});

test("a file that is broken is told to each who asks, and forgotten when it is mended", async () => {
  await using test = await testBoard();
  await writeFile(test.paths.jobs, "[{");
  await expect(test.board.read()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  await test.write("one");
  expect(await test.slugs()).toEqual(["one"]);
});
