import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentPaths, PACKAGE_ROOT, readRun } from "../../shared/paths.ts";
import { processesWith } from "../support/processes.ts";
import { freePort } from "../support/temp-agent.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/until.ts";

// The package as a stranger gets it: packed, installed into a prefix of its own, run by a user without rights and without
// anything in the environment.

const LIMIT_MS = 300_000;
const execute = promisify(execFile);
/** The user nobody, where we may become another one. */
const STRANGER = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

interface Installed {
  readonly tarball: string;
  readonly prefix: string;
  /** A home of the stranger's. */
  readonly home: string;
}

let scratch: Awaited<ReturnType<typeof tempDir>> | undefined;
let installed: Installed;

beforeAll(async () => {
  scratch = await tempDir();
  const prefix = join(scratch.path, "prefix");
  const home = join(scratch.path, "home");
  for (const folder of [prefix, home]) await mkdir(folder);
  await chmod(scratch.path, 0o755);
  if (STRANGER.uid !== undefined) await chown(home, STRANGER.uid, STRANGER.gid);
  // dist/ is built already, and other tests run from it.
  const packed = await execute("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", scratch.path], {
    cwd: PACKAGE_ROOT,
  });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  const tarball = join(scratch.path, filename);
  await execute(
    "npm",
    ["install", "--global", "--prefix", prefix, "--prefer-offline", "--no-audit", "--no-fund", tarball],
    {
      cwd: scratch.path,
    },
  );
  installed = { tarball, prefix, home };
}, LIMIT_MS);

afterAll(async () => {
  if (!scratch) return;
  const { path } = scratch;
  await until(async () => {
    const pids = await processesWith([`${path}/`]);
    for (const pid of pids) process.kill(pid, "SIGKILL");
    return pids.length === 0;
  });
  const run = await readRun(agentPaths(join(path, "home/my-agent")));
  if (run !== null && basename(run).startsWith("my-agent-")) await rm(run, { recursive: true, force: true });
  await scratch[Symbol.asyncDispose]();
}, LIMIT_MS);

describe("the package", { timeout: LIMIT_MS }, () => {
  test("carries what is started, what is written to a user's machine, and the documents", async () => {
    const files = await filesOf(installed.tarball);
    const wanted = ["package.json", "README.md", "LICENSE", "bin/instar", "dist/bin/instar.js", "docs/architecture.md"];
    const daemons = ["scheduler", "gateway", "supervisor"].map((name) => `dist/daemons/${name}/main.js`);
    const templates = ["templates/run-wrapper.sh", "templates/tmux.conf"];
    expect(files).toEqual(expect.arrayContaining([...wanted, ...daemons, ...templates]));
  });

  test("carries no source, no test, no test tool and no Node", async () => {
    const files = await filesOf(installed.tarball);
    expect(
      files.filter((file) => !/^(bin|dist|templates|docs)\/|^(package\.json|README\.md|LICENSE)$/.test(file)),
    ).toEqual([]);
    expect(files.filter((file) => /\.tsx?$|\.test\.|(^|\/)(node|node_modules|tests|bench)(\/|$)/.test(file))).toEqual(
      [],
    );
    expect((await stat(installed.tarball)).size).toBeLessThan(2 * 1024 * 1024);
  });

  test("brings the libraries that it names, and no tool of its makers", async () => {
    const root = join(installed.prefix, "lib/node_modules/instar");
    const text = await readFile(join(PACKAGE_ROOT, "package.json"), "utf8");
    const { dependencies, devDependencies } = JSON.parse(text) as Record<string, Record<string, string>>;
    const brought = await readdir(join(root, "node_modules"));
    expect(brought).toEqual(expect.arrayContaining(Object.keys(dependencies ?? {})));
    const tools = new Set([...Object.keys(devDependencies ?? {}), "@anthropic-ai", "@types", "instar-toolchain"]);
    expect(brought.filter((name) => tools.has(name) || name.startsWith("node-"))).toEqual([]);
    expect(await readdir(join(root, "node_modules/.bin"))).not.toContain("node");
  });

  test("tells its version to a stranger with an empty environment", async () => {
    const { version } = JSON.parse(await readFile(join(PACKAGE_ROOT, "package.json"), "utf8")) as { version: string };
    expect(await instar(["--version"])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("says so under a Node that is too old, and without one", async () => {
    const old = await nodeBelow(24);
    const said = await instar(["--version"], { PATH: old ?? "/nonexistent:/bin" });
    expect(said).toMatchObject({ exitCode: 69, stdout: "" });
    expect(said.stderr).toMatch(/^instar: error: .*Node.*\ninstar: hint: install .*\n$/);
  });

  test("makes an agent, starts the suite, runs a job, and stops", async () => {
    const dir = join(installed.home, "my-agent");
    const works = async (...words: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await instar(["--dir", dir, ...words]);
      expect({ words, exitCode, stderr }).toEqual({ words, exitCode: 0, stderr: expect.any(String) });
      return stdout;
    };
    // The first free one from 4040 on, another test's agent may choose at the same time.
    await works("init", "--port", String(await freePort()));
    await works("server", "start");
    const status = await until(async () => {
      const { stdout } = await instar(["--dir", dir, "status", "--json"]);
      const told = JSON.parse(stdout) as { url: string; daemons: Record<string, { state: string; pid: number }> };
      const { scheduler, gateway } = told.daemons;
      return scheduler?.state === "up" && gateway?.state === "up" && told;
    });
    expect(await (await fetch(`${status.url}/health`)).json()).toMatchObject({ status: "ok" });
    const owner = (await stat(`/proc/${status.daemons["scheduler"]?.pid}`)).uid;
    expect(owner).toBe(STRANGER.uid ?? process.getuid?.());
    const job = ["--slug", "hello", "--name", "Hello", "--schedule", "@yearly", "--type", "script"];
    await works("job", "add", ...job, "--execute", "echo hello from $INSTAR_JOB");
    await works("job", "trigger", "hello");
    const [entry] = await until(async () => {
      const history = JSON.parse(await works("job", "history", "hello", "--json")) as { outcome: string | null }[];
      return history[0]?.outcome && history;
    });
    expect(entry).toMatchObject({ outcome: "success", exitCode: 0, trigger: "manual" });
    const { findings } = JSON.parse(await works("doctor", "--json")) as { findings: unknown[] };
    const pid = status.daemons["gateway"]?.pid;
    expect(findings).toContainEqual({ check: "suite", state: "ok", says: "the suite is running (background)" });
    expect(findings).toContainEqual(
      expect.objectContaining({ check: "port", says: expect.stringContaining(`is held by our gateway (pid ${pid})`) }),
    );
    await works("server", "stop");
    const after = await instar(["--dir", dir, "status", "--json"]);
    expect(JSON.parse(after.stdout)).toMatchObject({ running: false });
  });
});

interface Said {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the installed program as the stranger, with a path and a home and nothing else. */
async function instar(words: readonly string[], { PATH }: { readonly PATH?: string } = {}): Promise<Said> {
  const tmux = dirname((await execute("sh", ["-c", "command -v tmux"])).stdout.trim());
  const path = [dirname(await realpath(process.execPath)), tmux, "/usr/bin", "/bin"].join(delimiter);
  const child = spawn(join(installed.prefix, "bin/instar"), words, {
    ...STRANGER,
    cwd: installed.home,
    env: { PATH: PATH ?? path, HOME: installed.home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, stdout, stderr };
}

async function filesOf(tarball: string): Promise<string[]> {
  const { stdout } = await execute("tar", ["-tzf", tarball]);
  return stdout
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));
}

/** The path of a folder with an older Node, where the system has one. */
async function nodeBelow(major: number): Promise<string | null> {
  const version = await execute("/usr/bin/node", ["--version"]).catch(() => null);
  const found = Number(/^v(\d+)\./.exec(version?.stdout ?? "")?.[1] ?? Number.NaN);
  return found < major ? "/usr/bin:/bin" : null;
}
