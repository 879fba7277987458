import { mkdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { InstarError } from "../../shared/errors.ts";
import { readJournal } from "../../shared/journal.ts";
import { editFile, openStore } from "../../shared/store.ts";
import { inParallel, runKeeper, startKeeper, strikePoints } from "../support/file-steps.ts";
import type { StrikePoint } from "../support/file-steps.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/until.ts";

test("an editor that was suspended at any step and lost the lock writes nothing", async () => {
  await using dir = await tempDir();
  const edit = (line: string, waitMs: number): string[] => ["edit", "2000", String(waitMs), line];
  await mkdir(join(dir.path, "undisturbed"));
  const points = await strikePoints(edit("first", 0), join(dir.path, "undisturbed"), join(dir.path, "log"));
  expect(points.length).toBeGreaterThan(15);
  await inParallel(points, 6, async (point) => {
    const folder = join(dir.path, `${point.step}-${point.when}`);
    await mkdir(folder);
    const file = join(folder, "hand.txt");
    // It has no time left to begin anew once it goes on.
    await using suspended = startKeeper(edit("first", 0), { folder, strike: point, signal: "SIGSTOP" });
    await until(() => isStopped(suspended.child.pid));
    await editFile(file, (text) => `${text ?? ""}second\n`, { staleMs: 2000, waitMs: 60_000 });
    const before = await readFile(file, "utf8");
    suspended.child.kill("SIGCONT");
    const { lines, stderr, exitCode } = await suspended.ended;
    const said = stderr.split(" ")[0];
    const after = await readFile(file, "utf8");
    expect(
      [
        { exitCode: 0, lines: ["first"], said: "", after: "first\nsecond\n" },
        { exitCode: 0, lines: ["first"], said: "", after: "second\nfirst\n" },
        { exitCode: 1, lines: [], said: "LOCK_BUSY", after: "second\n" },
      ],
      `stopped ${point.when} "${point.what}"`,
    ).toContainEqual({ exitCode, lines, said, after });
    expect([before, "second\nfirst\n"]).toContain(after);
  });
});

/** Just before the holder of the lock writes its draft. */
const HOLDING: StrikePoint = { step: 3, when: "before", what: "the write under the lock" };

test("while the holder of a lock is suspended, others are told who it is and to try again", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "hand.txt");
  await writeFile(file, "zeroth\n");
  const words = ["edit", "10000", "0", "first"];
  await using suspended = startKeeper(words, { folder: dir.path, strike: HOLDING, signal: "SIGSTOP" });
  await until(() => isStopped(suspended.child.pid));
  const refused = await editFile(file, (text) => `${text}second\n`, { waitMs: 500 }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(InstarError);
  expect(refused).toMatchObject({
    code: "LOCK_BUSY",
    message: `could not edit ${file}: process ${suspended.child.pid} is editing it`,
    hint: "try again in a moment",
  });
  expect(await readFile(file, "utf8")).toBe("zeroth\n");
  // Nobody took the lock meanwhile, so it goes on.
  suspended.child.kill("SIGCONT");
  expect((await suspended.ended).exitCode).toBe(0);
  expect(await readFile(file, "utf8")).toBe("zeroth\nfirst\n");
});

test.runIf(process.env["INSTAR_PROVE"])(
  "a holder that was suspended for 30 s finds its lock taken, and is told",
  async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "hand.txt");
    await writeFile(file, "zeroth\n");
    const words = ["edit", "10000", "0", "first"];
    await using suspended = startKeeper(words, { folder: dir.path, strike: HOLDING, signal: "SIGSTOP" });
    await until(() => isStopped(suspended.child.pid));
    const stoppedAt = performance.now();
    await expect(editFile(file, (text) => `${text}second\n`)).rejects.toThrow("is editing it");
    // The lock is taken for stale after 10 s; then the file is free for all.
    await editFile(file, (text) => `${text}second\n`, { waitMs: 60_000 });
    await until(() => performance.now() - stoppedAt > 30_000);
    suspended.child.kill("SIGCONT");
    const { exitCode, stderr } = await suspended.ended;
    const reason = "this process was suspended for so long that another one took over";
    expect(stderr).toBe(`LOCK_BUSY could not edit ${file}: ${reason}\n`);
    expect(exitCode).toBe(1);
    expect(await readFile(file, "utf8")).toBe("zeroth\nsecond\n");
  },
);

test("four processes with 25 edits each lose none", async () => {
  await using dir = await tempDir();
  const lines = ["a", "b", "c", "d"].map((name) => Array.from({ length: 25 }, (_, at) => `${name}${at}`));
  const ended = await Promise.all(
    lines.map((own) => runKeeper(["edit", "10000", "120000", ...own], { folder: dir.path })),
  );
  expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  const text = await readFile(join(dir.path, "hand.txt"), "utf8");
  expect(text.trimEnd().split("\n").toSorted()).toEqual(lines.flat().toSorted());
});

test("while a writer is suspended at any step, readers see whole documents and records", async () => {
  await using dir = await tempDir();
  const Count = z.object({ count: z.int() });
  await inParallel(
    [
      ["store", "2"],
      ["journal", "1", "2"],
    ] as const,
    2,
    async (words) => {
      const undisturbed = join(dir.path, words[0]);
      await mkdir(undisturbed);
      const points = await strikePoints(words, undisturbed, `${undisturbed}.log`);
      await inParallel(points, 3, async (point) => {
        const folder = join(dir.path, `${words[0]}-${point.step}-${point.when}`);
        await mkdir(folder);
        await using suspended = startKeeper(words, { folder, strike: point, signal: "SIGSTOP" });
        await until(() => isStopped(suspended.child.pid));
        const document = openStore(join(folder, "state/count.json"), Count, { count: 0 }, { version: 1 });
        const numbers: number[] = [];
        for await (const { number } of readJournal(join(folder, "state/month.jsonl"), Numbered)) numbers.push(number);
        expect([0, 1, 2]).toContain((await document.read()).count);
        expect([[], [1], [1, 2]]).toContainEqual(numbers);
        suspended.child.kill("SIGCONT");
        expect((await suspended.ended).lines).toEqual(["1", "2"]);
      });
    },
  );
});

test("a lock that is dated ahead, because the clock was put back, holds nobody up", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "hand.txt");
  await mkdir(`${file}.lock`);
  const aheadS = Date.now() / 1000 + 86_400;
  await utimes(`${file}.lock`, aheadS, aheadS);
  await editFile(file, () => "text\n");
  expect(await readFile(file, "utf8")).toBe("text\n");
  await expect(stat(`${file}.lock`)).rejects.toThrow("ENOENT");
});

async function isStopped(pid: number | undefined): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return /^State:\tT/m.test(status);
}

const Numbered = z.object({ number: z.int() });
