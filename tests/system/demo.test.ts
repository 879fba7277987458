import { execFile } from "node:child_process";
import { chown, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEMO_JOBS } from "../../bin/demo/jobs.ts";
import { isAlive } from "../../shared/proc.ts";
import { readStatus } from "../../shared/lifecycle.ts";
import { agentPaths, exists } from "../../shared/paths.ts";
import { CLAUDE } from "../support/claude.ts";
import { instar, type Said, startInstar } from "../support/cli.ts";
import { DIST } from "../support/dist.ts";
import { explain } from "../support/explain.ts";
import { processesWith } from "../support/processes.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/until.ts";

/** Where the demo says that its agent is. */
function folderOf(stdout: string): string {
  return /A throw-away agent in (\S+)/.exec(stdout)?.[1] ?? "";
}

/** Root gives itself up where it can: the demo is to work for everybody, and --keep below is root's own. */
async function playDemo(): Promise<Said> {
  await using home = await tempDir();
  await chown(home.path, NOBODY, NOBODY).catch(() => undefined);
  const drop = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];
  const program = join(DIST, "bin/instar.js");
  const isRoot = process.getuid?.() === 0;
  const canDrop = isRoot && (await run([...drop, "test", "-r", program, "-a", "-x", CLAUDE], home.path)).exitCode === 0;
  return run([...(canDrop ? drop : []), process.execPath, program, "demo"], home.path);
}

const NOBODY = 65_534;

function run([program = "", ...words]: readonly string[], home: string): Promise<Said> {
  const env = { HOME: home, PATH: process.env["PATH"] };
  return new Promise((resolve) => {
    const child = execFile(program, words, { cwd: home, env }, (_error, stdout, stderr) =>
      resolve({ stdout, stderr, exitCode: child.exitCode }),
    );
  });
}

test("the demo kills the scheduler in the middle of a prompt, finds nothing lost or doubled, and leaves nothing behind", async () => {
  const { stdout, stderr, exitCode } = await playDemo();
  expect(stdout + stderr).toContain("They agree: nothing lost, nothing doubled.");
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(stdout).toMatch(/SIGKILL to the scheduler, pid \d+/);
  expect(stdout).toMatch(/back as pid \d+, after \d+ ms; the report goes on in pid \d+/);
  expect(stdout).toContain("Claude Code says: Ardea, by its family.");
  for (const { slug } of DEMO_JOBS) expect(stdout).toMatch(new RegExp(`^  ${slug} .*\\d success`, "m"));
  expect(stdout).toMatch(/^ {2}flaky .*3 failure/m);
  expect(stdout).not.toContain("\u001B");
  const dir = folderOf(stdout);
  expect(await exists(dir)).toBe(false);
  expect(await processesWith([`${dir}/`, `${dir}\0`])).toEqual([]);
});

test("with --keep everything runs on until it is interrupted, and the files explain every instant", async () => {
  const demo = startInstar(["demo", "--keep"]);
  await until(() => demo.hasEnded || demo.stdout.includes("It runs on until Ctrl-C"));
  expect(demo.log).toContain("It runs on until Ctrl-C");
  const dir = folderOf(demo.stdout);
  const paths = agentPaths(dir);
  expect((await instar(["status", "--dir", dir])).exitCode).toBe(0);
  const scheduler = await readStatus(paths, "scheduler");
  for (const { slug } of DEMO_JOBS) await instar(["job", "disable", slug, "--dir", dir]);
  // What the demo's own audit says, said by another pair of eyes.
  for (const { slug, schedule } of DEMO_JOBS)
    await until(async () => {
      expect(await explain(paths, { slug, schedule })).toMatchObject({ problems: [], open: [] });
      return true;
    });
  const token = (JSON.parse(await readFile(paths.config, "utf8")) as { auth: { token: string } }).auth.token;
  expect(demo.stdout).toContain(token);
  demo.signal("SIGINT");
  expect(await demo.exitCode).toBe(0);
  expect(scheduler && (await isAlive(scheduler))).toBe(false);
  expect(await exists(join(dir, ".instar"))).toBe(false);
});
