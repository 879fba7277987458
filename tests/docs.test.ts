import { execFile } from "node:child_process";
import { appendFile, cp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { PACKAGE_ROOT } from "../shared/paths.ts";
import { tempDir } from "./support/temp.ts";

const FOLDER = join(PACKAGE_ROOT, "docs/generated");

async function check(folder: string): Promise<{ readonly stdout: string; readonly code: number }> {
  const program = join(PACKAGE_ROOT, "tests/toolchain/docs.ts");
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, "--check", "--folder", folder]);
    return { stdout, code: 0 };
  } catch (error) {
    return error as { stdout: string; code: number };
  }
}

test("the generated documents say what the source says", async () => {
  expect(await check(FOLDER)).toEqual({ stdout: "", code: 0 });
});

test("a document that was changed, is missing or is of no use is found", async () => {
  await using dir = await tempDir();
  await cp(FOLDER, dir.path, { recursive: true });
  const [first = "", second = ""] = (await readdir(dir.path)).sort();
  await appendFile(join(dir.path, first), "more");
  await rm(join(dir.path, second));
  await writeFile(join(dir.path, "old.md"), "");
  expect(await check(dir.path)).toMatchObject({
    stdout: [
      "old.md is generated no more",
      `${first} says something else than the source`,
      `${second} is missing`,
      "write them again: npm run docs",
      "",
    ].join("\n"),
    code: 1,
  });
});
