import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { duration, localTime, plain, table } from "../../bin/text.ts";
import { PACKAGE_ROOT } from "../../shared/paths.ts";
import { instar } from "../support/cli.ts";
import { DIST } from "../support/dist.ts";
import { tempAgent } from "../support/temp-agent.ts";
import { tempDir } from "../support/temp.ts";

const CLI = join(DIST, "bin/instar.js");

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

async function run(file: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  try {
    const done = await promisify(execFile)(file, words, { env: { ...process.env, ...env } });
    return { ...done, code: 0 };
  } catch (error) {
    return error as Ran;
  }
}

test("the version is told, by either name", async () => {
  const said = await Promise.all([["--version"], ["-V"]].map((words) => instar(words)));
  expect(said[0]).toMatchObject({ stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string, exitCode: 0 });
  expect(said[1]).toEqual(said[0]);
});

test("--dir stands anywhere, and a folder inside the agent's is enough", async () => {
  await using agent = await tempAgent();
  const inside = join(agent.dir, "deep/inside");
  await mkdir(inside, { recursive: true });
  const port = `${agent.port}\n`;
  expect((await instar(["--dir", agent.dir, "config", "get", "port"], { cwd: "/" })).stdout).toBe(port);
  expect((await instar(["config", "get", "port", "--dir", agent.dir], { cwd: "/" })).stdout).toBe(port);
  expect((await instar(["config", "get", "--dir", agent.dir, "port"], { cwd: "/" })).stdout).toBe(port);
  expect((await instar(["config", "get", "port"], { cwd: inside })).stdout).toBe(port);
});

test("a reader who has seen enough is no failure", async () => {
  await using agent = await tempAgent();
  const child = spawn(process.execPath, [CLI, "config", "get"], { cwd: agent.dir, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

test.skipIf(process.platform !== "linux")("an output that cannot be written is a failure, told in a line", async () => {
  await using agent = await tempAgent();
  const said = await run("/bin/sh", [
    "-c",
    '"$0" "$1" --dir "$2" config get > /dev/full',
    process.execPath,
    CLI,
    agent.dir,
  ]);
  expect(said).toMatchObject({ code: 1, stderr: "instar: error: ENOSPC: no space left on device, write\n" });
});

test("colours are for terminals, and NO_COLOR is obeyed", async () => {
  const coloured = await run(process.execPath, [CLI, "statsu"], { FORCE_COLOR: "1", NO_COLOR: "" });
  const piped = await run(process.execPath, [CLI, "statsu"]);
  // oxlint-disable-next-line no-control-regex -- the escape is what is looked for
  expect(coloured.stderr).toMatch(/\u001b\[31merror:/);
  expect(piped.stderr).toMatch(/^instar: error: unknown command 'statsu'\n/);
});

test("the launcher follows links to its own package", async () => {
  await using dir = await tempDir();
  await mkdir(join(dir.path, "package/bin"), { recursive: true });
  await symlink(join(PACKAGE_ROOT, "bin/instar"), join(dir.path, "package/bin/link"));
  await symlink("package/bin/link", join(dir.path, "instar"));
  const { stdout, code } = await run(join(dir.path, "instar"), ["--version"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

/** A package whose launcher finds neither a Node of its own nor, unless told, one on the path. */
async function barePackage(root: string): Promise<string> {
  await mkdir(join(root, "bin"));
  const launcher = join(root, "bin/instar");
  await promisify(execFile)("cp", [join(PACKAGE_ROOT, "bin/instar"), launcher]);
  return launcher;
}

test("without Node, the launcher says so: 69", async () => {
  await using dir = await tempDir();
  const launcher = await barePackage(dir.path);
  const { stderr, code } = await run("/bin/sh", [launcher], { PATH: dir.path });
  expect({ stderr, code }).toEqual({
    stderr:
      "instar: error: there is no Node on the path\n" +
      "instar: hint: install Node 24.15 or later from https://nodejs.org\n",
    code: 69,
  });
});

test("a package that was not built says so: 69", async () => {
  await using dir = await tempDir();
  const launcher = await barePackage(dir.path);
  const { stderr, code } = await run("/bin/sh", [launcher]);
  expect({ stderr, code }).toEqual({
    stderr: `instar: error: ${dir.path} is not built\ninstar: hint: in it: npm ci\n`,
    code: 69,
  });
});

test("the checkout's own Node comes first", async () => {
  await using dir = await tempDir();
  const launcher = await barePackage(dir.path);
  await mkdir(join(dir.path, "node_modules/.bin"), { recursive: true });
  await mkdir(join(dir.path, "dist/bin"), { recursive: true });
  await writeFile(join(dir.path, "dist/bin/instar.js"), "");
  const node = join(dir.path, "node_modules/.bin/node");
  await writeFile(node, '#!/bin/sh\necho "its own: $@"\n');
  await chmod(node, 0o755);
  const { stdout } = await run("/bin/sh", [launcher, "job", "list"]);
  expect(stdout).toBe(`its own: --min-semi-space-size=16 ${dir.path}/dist/bin/instar.js job list\n`);
});

test("an older Node is told what is wrong: 69", async () => {
  await using dir = await tempDir();
  const older = join(dir.path, "older.mjs");
  await writeFile(older, 'Object.defineProperty(process.versions, "node", { value: "20.19.5" });\n');
  const { stderr, code } = await run(process.execPath, ["--import", older, CLI, "--version"]);
  expect(code).toBe(69);
  expect(stderr).toBe(
    `instar: error: this is Node 20.19.5 (${process.execPath}), and Instar needs 24.15 or later\n` +
      "instar: hint: install it from https://nodejs.org, or with your version manager\n",
  );
});

test("columns are as wide as what is seen of them", () => {
  expect(
    table(
      ["A", "B", "C"],
      [
        ["x", "\u001b[31mred\u001b[39m", "1"],
        ["long", "y", ""],
      ],
    ),
  ).toBe("A     B    C\nx     \u001b[31mred\u001b[39m  1\nlong  y");
  expect(table(["A"], [])).toBe("");
});

test.each([
  [850, "850 ms"],
  [12_340, "12.3 s"],
  [245_000, "4 min 5 s"],
  [7_380_000, "2 h 3 min"],
  [446_400_000, "5 d 4 h"],
])("%i ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("instants are told in the machine's zone, and none as a dash", () => {
  expect(localTime(null)).toBe("-");
  expect(localTime("2026-11-21T08:30:05.000Z")).toMatch(/^2026-11-2\d \d\d:\d\d:05$/);
  expect(plain("a\u001b[31mb\n\u0007c")).toBe("ab c");
});
