import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { limitFile, limitOutput } from "../../../daemons/scheduler/output-limit.ts";
import { tempDir } from "../../support/temp.ts";

const KEPT = 100;

test("an output that is not much too long stays as it is", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "output");
  await limitFile(path, KEPT);
  await writeFile(path, "x".repeat(4 * KEPT));
  await limitFile(path, KEPT);
  expect(await readFile(path, "utf8")).toBe("x".repeat(4 * KEPT));
});

test("head and tail stay, and between them stands how much is gone", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "output");
  await writeFile(path, `${"h".repeat(KEPT)}${"m".repeat(1234)}${"t".repeat(KEPT)}`);
  await limitFile(path, KEPT);
  const text = await readFile(path, "utf8");
  expect(text).toMatch(/^h{100}\n\[instar: +1234 bytes were cut here\]\nt{100}$/);
});

test("what is said after a cut goes on at the end, and the next cut counts the first", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "output");
  await writeFile(path, `${"h".repeat(KEPT)}${"m".repeat(1000)}${"t".repeat(KEPT)}`);
  await limitFile(path, KEPT);
  await appendFile(path, `${"n".repeat(500)}${"e".repeat(KEPT)}`);
  await limitFile(path, KEPT);
  // Gone: the middle, the first tail, the second middle.
  expect(await readFile(path, "utf8")).toMatch(/^h{100}\n\[instar: +1600 bytes were cut here\]\ne{100}$/);
});

test("a tail does not begin in the middle of a character", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "output");
  await writeFile(path, `${"h".repeat(KEPT)}${"€".repeat(500)}`);
  await limitFile(path, KEPT);
  const text = await readFile(path, "utf8");
  expect(text).not.toContain("\u{fffd}");
  expect(text).toMatch(/\]\n€{33}$/);
});

test("a flood is cut to about half a MiB, a result is left ten times that", async () => {
  await using dir = await tempDir();
  const flood = Buffer.alloc(5 * 1024 * 1024, "x");
  await writeFile(join(dir.path, "output"), flood);
  await writeFile(join(dir.path, "result.json"), flood);
  await limitOutput(dir.path);
  expect((await stat(join(dir.path, "output"))).size).toBeLessThan(600 * 1024);
  expect((await stat(join(dir.path, "result.json"))).size).toBe(flood.length);
});

test("what is said while it is cut stays in order, and the last word is kept", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "output");
  const lines = 200_000;
  const script = `const fs = require("fs"); const fd = fs.openSync(process.argv[1], "a");
    for (let i = 0; i < ${lines}; i++) { fs.writeSync(fd, i + "\\n"); }`;
  const writer = spawn(process.execPath, ["-e", script, path]);
  const ended = once(writer, "exit");
  while (writer.exitCode === null) await limitFile(path, 4096);
  await ended;
  await limitFile(path, 4096);
  const [head = "", tail = ""] = (await readFile(path, "utf8")).split(/\n\[instar: +\d+ bytes were cut here\]\n/);
  expect(head).toHaveLength(4096);
  const last = tail.trimEnd().split("\n").slice(1).map(Number);
  expect(last.at(-1)).toBe(lines - 1);
  expect(last.length).toBeGreaterThan(400);
  expect(last).toEqual(last.toSorted((a, b) => a - b));
});
