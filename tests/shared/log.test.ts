import { closeSync, fstatSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { InstarError } from "../../shared/errors.ts";
import { createLog, type Log, type LogLevel } from "../../shared/log.ts";
import { tempDir } from "../support/temp.ts";

interface TestLog extends AsyncDisposable {
  readonly log: Log;
  readonly fd: number;
  lines(): Promise<string[]>;
}

async function fileLog(level: LogLevel = "debug"): Promise<TestLog> {
  const dir = await tempDir();
  const path = join(dir.path, "log");
  const fd = openSync(path, "a");
  return {
    log: createLog({ name: "test", level, destination: fd }),
    fd,
    lines: async () => (await readFile(path, "utf8")).split("\n").slice(0, -1),
    async [Symbol.asyncDispose]() {
      closeSync(fd);
      await dir[Symbol.asyncDispose]();
    },
  };
}

afterEach(() => {
  delete process.env["JOURNAL_STREAM"];
});

test("a line is one JSON object with who, when and what", async () => {
  await using file = await fileLog();
  file.log.info({ slug: "news", text: "two\nlines" }, "started");
  const lines = await file.lines();
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
    name: "test",
    pid: process.pid,
    slug: "news",
    text: "two\nlines",
    msg: "started",
  });
});

test("what is below its level is not written", async () => {
  await using file = await fileLog("warn");
  file.log.debug("no");
  file.log.info("no");
  file.log.warn("yes");
  file.log.child({ slug: "news" }).info("no");
  expect((await file.lines()).map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(["yes"]);
});

test("an expected failure is told without its stack, a bug with it", async () => {
  await using file = await fileLog();
  const cause = new Error("ENOSPC");
  file.log.warn({ error: new InstarError("STORE_FULL", "cannot write", { cause, hint: "make room" }) }, "a");
  file.log.error({ error: new TypeError("x is not a function") }, "b");
  file.log.error({ error: "thrown text" }, "c");
  const [expected, bug, text] = (await file.lines()).map((line) => (JSON.parse(line) as { error: unknown }).error);
  expect(expected).toEqual({ code: "STORE_FULL", message: "cannot write: ENOSPC", hint: "make room" });
  expect(bug).toEqual({ message: "x is not a function", stack: expect.stringContaining("log.test.ts") as string });
  expect(text).toBe("thrown text");
});

test("a secret is hidden by value wherever it stands, for children and parents alike", async () => {
  await using file = await fileLog();
  const secret = 'se"cret/of\\mine';
  const child = file.log.child({ slug: "news" });
  file.log.info({ secret }, secret);
  expect((await file.lines())[0]).toContain(JSON.stringify(secret).slice(1, -1));
  child.hideSecret(secret);
  file.log.info({ deep: { list: [secret] } }, `the token is ${secret}.`);
  child.info({ url: `http://x/?t=${encodeURIComponent(secret)}` });
  child.error({ error: new Error(`wrong ${secret}`) });
  const lines = (await file.lines()).slice(1);
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    expect(line).toContain("[secret]");
    expect(line).not.toContain('se\\"cret');
    expect(line).not.toContain("se%22cret");
    expect(() => JSON.parse(line) as unknown).not.toThrow();
  }
});

test("a value too short to be a secret does not black out the log", async () => {
  await using file = await fileLog();
  file.log.hideSecret("");
  file.log.hideSecret("test");
  file.log.info("a test");
  expect((await file.lines())[0]).toContain("a test");
});

test.each([
  ["a long message", (log: Log) => log.info({ slug: "news" }, "x".repeat(200_000))],
  ["a long field", (log: Log) => log.info({ slug: "news", output: "é".repeat(200_000) }, "x")],
  [
    "a deep field",
    (log: Log) => log.info({ slug: "news", list: Array.from({ length: 50_000 }, () => ({ a: 1 })) }, "x"),
  ],
  [
    "thousands of fields",
    (log: Log) =>
      log.info(
        { slug: "news", ...Object.fromEntries(Array.from({ length: 9000 }, (_, at) => [`k${at}`, "value"])) },
        "x",
      ),
  ],
])("%s is cut to 48 KiB, said so, and still one JSON object", async (_what, say) => {
  await using file = await fileLog();
  say(file.log);
  const [line = "", ...more] = await file.lines();
  expect(more).toEqual([]);
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(48 * 1024);
  const record = JSON.parse(line) as { msg: string; cut: string; slug: string };
  expect(record.msg).toMatch(/^x/);
  expect(record.slug).toBe("news");
  expect(record.cut).toMatch(/^\d{5,6} bytes$/);
});

test("under journald each line begins with its priority; where stderr was led elsewhere it does not", async () => {
  await using plain = await fileLog();
  const { dev, ino } = fstatSync(plain.fd, { bigint: true });
  process.env["JOURNAL_STREAM"] = `${dev}:${ino}`;
  const log = createLog({ name: "test", level: "debug", destination: plain.fd });
  log.debug("d");
  log.info("i");
  log.warn("w");
  log.error("e");
  expect((await plain.lines()).map((line) => line.slice(0, 4))).toEqual(["<7>{", "<6>{", "<4>{", "<3>{"]);
  await using other = await fileLog();
  other.log.info("i");
  expect((await other.lines())[0]).toMatch(/^\{/);
});

test("a reader who is gone ends nobody", async () => {
  await using file = await fileLog();
  const log = createLog({ name: "test", destination: 999_999 });
  expect(() => log.info("to nobody")).not.toThrow();
  file.log.info("to somebody");
  expect(await file.lines()).toHaveLength(1);
});
