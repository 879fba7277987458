import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { identify } from "../../shared/proc.ts";
import { exists, PACKAGE_ROOT } from "../../shared/paths.ts";
import { readWitness } from "../../shared/runs.ts";
import { asShellText, quote } from "../../daemons/scheduler/environment.ts";
import { isGroupThere } from "../support/processes.ts";
import { tempDir } from "../support/temp.ts";
import { tinyDisk } from "../support/tiny-disk.ts";
import { until } from "../support/until.ts";

const WRAPPER = join(PACKAGE_ROOT, "templates/run-wrapper.sh");
const TEXT = await readFile(WRAPPER, "utf8");
/** What /bin/sh is on Debian, and on macOS. */
const SHELLS = ["dash", "bash"];

interface Folder {
  readonly path: string;
  /** How often the work has run. */
  ran(): Promise<number>;
  /** Lets one wrapper run to its end, with whatever it started. */
  run(options?: { shell?: string; wrapper?: string; path?: string }): Promise<void>;
  start(options?: { shell?: string; wrapper?: string; path?: string }): ChildProcess;
  output(): Promise<string>;
}

/** A run folder as the launcher leaves it. */
async function prepare(path: string, work: string, env: Record<string, string> = {}): Promise<Folder> {
  await mkdir(path, { recursive: true });
  const ran = join(path, "ran");
  await writeFile(join(path, "command"), `echo x >>${quote(ran)}\n${work}\n`);
  const all = { PATH: process.env["PATH"] ?? "", ...env, INSTAR_AGENT_DIR: path };
  const folder: Folder = {
    path,
    ran: async () => (await readFile(ran, "utf8").catch(() => "")).length / 2,
    start({ shell = "sh", wrapper = WRAPPER, path: tools = process.env["PATH"] ?? "" } = {}) {
      // A session of its own, as in a pane; without a terminal nobody tells of a hangup.
      const bare = ["-i", `PATH=${tools}`, shell, wrapper, path];
      return spawn("/usr/bin/env", bare, { detached: true, stdio: "ignore" });
    },
    async run(options) {
      const first = folder.start(options);
      await once(first, "exit");
      await until(async () => !(await isGroupThere(first.pid)));
    },
    output: () => readFile(join(path, "output"), "utf8"),
  };
  await writeFile(join(path, "env"), asShellText(all), { mode: 0o600 });
  return folder;
}

/** The wrapper, killed before its `at`th statement; null after the last one. */
function killedAt(at: number): string | null {
  const lines = TEXT.split("\n");
  const isWhole = (line: string, index: number): boolean =>
    /^ *[a-z[]/.test(line) && !/^ *(fi|done|else|then|do)$/.test(line) && !/(&&|\|\||\\)$/.test(lines[index - 1] ?? "");
  const statements = lines.keys().filter((index) => isWhole(lines[index] ?? "", index));
  const line = [...statements][at];
  return line === undefined ? null : lines.toSpliced(line, 0, 'kill -KILL "${pid:-$$}"').join("\n");
}

/** After a kill anywhere: what is there is whole, and a second wrapper runs the work exactly when the first did not begin. */
async function faultsAfterKill(folder: Folder, where: string): Promise<string[]> {
  const before = await readWitness(folder.path);
  const ranBefore = await folder.ran();
  await writeFile(join(folder.path, "env"), asShellText({ INSTAR_AGENT_DIR: folder.path }));
  await folder.run();
  const after = await readWitness(folder.path);
  const ran = await folder.ran();
  const faults = {
    "begun is damaged": before.begun?.pid === -1,
    "it ran without having begun": !before.begun && ranBefore > 0,
    "it ended without having run": before.exit !== null && (before.exit.code !== 7 || ranBefore !== 1),
    "it ran twice": ran > 1,
    "a second wrapper did something": before.begun !== null && !isDeepStrictEqual([before, ranBefore], [after, ran]),
    "a second wrapper did not run it": !before.begun && (ran !== 1 || after.exit?.code !== 7),
  };
  return Object.entries(faults).flatMap(([fault, isSo]) => (isSo ? `${where}: ${fault}` : []));
}

test.each(SHELLS)("%s: killed before each of its statements, it never leads to a second run", async (shell) => {
  await using dir = await tempDir();
  const faults: string[] = [];
  let begun = 0;
  let at = 0;
  for (let text; (text = killedAt(at)) !== null; at++) {
    const wrapper = join(dir.path, `killed-${at}.sh`);
    await writeFile(wrapper, text);
    const folder = await prepare(join(dir.path, `run-${at}`), "exit 7");
    await folder.run({ shell, wrapper });
    if ((await readWitness(folder.path)).begun) begun += 1;
    faults.push(...(await faultsAfterKill(folder, `before statement ${at}`)));
  }
  expect(faults).toEqual([]);
  expect(at).toBeGreaterThan(30);
  expect(Math.min(begun, at - begun)).toBeGreaterThan(10);
});

test("killed before and after each program that it calls, it never leads to a second run", async () => {
  await using dir = await tempDir();
  const faults: string[] = [];
  const tools = ["sync", "ln", "rm", "cat", "mv"];
  let at = 0;
  for (let isHit = true; isHit; at++) {
    for (const when of ["before", "after"]) {
      const shims = join(dir.path, `${when}-${at}`);
      const count = join(shims, "count");
      await mkdir(shims);
      for (const tool of tools) {
        const real = `PATH=${quote(process.env["PATH"] ?? "")} ${tool} "$@"`;
        const shim = [
          "#!/bin/sh",
          `echo x >>${quote(count)}`,
          `if [ "$(wc -l <${quote(count)})" -eq ${at + 1} ]; then`,
          when === "before" ? "kill -KILL $PPID; exit" : `${real}; kill -KILL $PPID; exit`,
          "fi",
          real,
        ];
        await writeFile(join(shims, tool), shim.join("\n"), { mode: 0o755 });
      }
      const folder = await prepare(join(dir.path, `run-${when}-${at}`), "exit 7");
      await folder.run({ path: `${shims}:${process.env["PATH"]}` });
      const calls = (await readFile(count, "utf8")).length / 2;
      isHit = calls > at;
      faults.push(...(await faultsAfterKill(folder, `${when} program ${at}`)));
    }
  }
  expect(faults).toEqual([]);
  expect(at).toBeGreaterThan(8);
});

test("of wrappers that start at once, one runs: 50 times", async () => {
  await using dir = await tempDir();
  for (let round = 0; round < 50; round++) {
    const folder = await prepare(join(dir.path, String(round)), "exit 0");
    await Promise.all([folder.run(), folder.run({ shell: "bash" }), folder.run()]);
    expect(await folder.ran()).toBe(1);
    expect((await readWitness(folder.path)).exit).toMatchObject({ code: 0, hangup: false });
  }
});

test("what a power cut left of temporary files is nobody's witness", async () => {
  await using dir = await tempDir();
  const folder = await prepare(join(dir.path, "run"), "exit 0");
  await writeFile(join(folder.path, "begun.123"), "");
  await writeFile(join(folder.path, "exit.123"), "");
  expect(await readWitness(folder.path)).toEqual({ begun: null, exit: null, stop: null });
  await folder.run();
  expect(await folder.ran()).toBe(1);
});

test.each([
  ["exit 0", 0],
  ["exit 3", 3],
  ["no-such-command", 127],
  ["kill -TERM $$", 143],
  ["kill -KILL $$", 137],
  ["exec sh -c 'kill -SEGV $$'", 139],
])("the end of %j is told as %i", async (work, code) => {
  await using dir = await tempDir();
  const folder = await prepare(join(dir.path, "run"), work);
  await folder.run();
  expect((await readWitness(folder.path)).exit).toMatchObject({ code, hangup: false });
});

test("begun names the process that holds the run, and its group", async () => {
  await using dir = await tempDir();
  const folder = await prepare(join(dir.path, "run"), "while [ ! -e go ]; do sleep 0.05; done");
  const first = folder.start();
  const begun = await until(async () => (await readWitness(folder.path)).begun);
  expect(await identify(begun.pid)).toEqual({ pid: begun.pid, startTime: begun.startTime, bootId: begun.bootId });
  expect(begun.group).toBe(first.pid);
  await writeFile(join(folder.path, "go"), "");
  await once(first, "exit");
});

test("the environment is handed over in a private file that is gone before the work begins, and never as an argument", async () => {
  await using dir = await tempDir();
  const odd = `it's "$HOME" \`id\` \\ and\na second line `;
  const token = "a-token-that-nobody-may-see";
  const work = `ls -a; env -0 >seen; cat /proc/$PPID/cmdline /proc/$$/cmdline >args; cat /proc/$PPID/environ >wrapper-environ`;
  const folder = await prepare(join(dir.path, "run"), work, { ODD: odd, INSTAR_TOKEN: token, folder: "x", code: "9" });
  expect((await stat(join(folder.path, "env"))).mode & 0o777).toBe(0o600);
  await folder.run();
  const seen = (await readFile(join(folder.path, "seen"), "utf8")).split("\0");
  expect(seen).toEqual(expect.arrayContaining([`ODD=${odd}`, `INSTAR_TOKEN=${token}`, "folder=x", "code=9"]));
  // Set by shells themselves; all else was handed over.
  const known = new Set([
    "",
    "INSTAR_AGENT_DIR",
    "INSTAR_TOKEN",
    "ODD",
    "PATH",
    "code",
    "folder",
    "OLDPWD",
    "PWD",
    "_",
  ]);
  expect(seen.filter((entry) => !known.has(entry.split("=")[0] ?? ""))).toEqual([]);
  expect((await folder.output()).split("\n")).not.toContain("env");
  const told = `${await readFile(join(folder.path, "args"), "utf8")}${await readFile(join(folder.path, "wrapper-environ"), "utf8")}`;
  expect(told).toContain("run-wrapper.sh");
  expect(told).not.toContain(token);
  for (const name of await readdir(folder.path)) {
    if (name === "seen") continue;
    expect(await readFile(join(folder.path, name), "utf8")).not.toContain(token);
  }
  expect((await readWitness(folder.path)).exit).toMatchObject({ code: 0 });
});

test("a folder whose path holds spaces, quotes, a newline and a semicolon is a folder like others", async () => {
  await using dir = await tempDir();
  const folder = await prepare(join(dir.path, 'it\'s "one"\n$(touch hurt) *;'), "pwd; exit 4");
  await folder.run();
  expect(await folder.output()).toBe(`${folder.path}\n`);
  expect((await readWitness(folder.path)).exit).toMatchObject({ code: 4 });
});

test("SIGTERM to the group ends the work; the wrapper stays to tell", async () => {
  await using dir = await tempDir();
  const folder = await prepare(
    join(dir.path, "run"),
    "trap 'echo asked; exit 9' TERM; sh -c ': >ready; exec sleep 300' & wait",
  );
  const first = folder.start();
  await until(() => exists(join(folder.path, "ready")));
  process.kill(-(first.pid ?? 0), "SIGTERM");
  await until(async () => !(await isGroupThere(first.pid)));
  expect(await folder.output()).toBe("asked\n");
  expect((await readWitness(folder.path)).exit).toMatchObject({ code: 9, hangup: false });
});

test.each([
  ["TERM", { code: 143, hangup: false }],
  ["HUP", { code: 129, hangup: true }],
])("SIG%s between begun and the work: the work does not begin", async (signal, exit) => {
  await using dir = await tempDir();
  const folder = await prepare(join(dir.path, "run"), "exit 0");
  const shims = join(dir.path, "shims");
  await mkdir(shims);
  const shim = `#!/bin/sh\n[ ! -d "$1" ] || kill -${signal} $PPID\n`;
  await writeFile(join(shims, "sync"), shim, { mode: 0o755 });
  await folder.run({ path: `${shims}:${process.env["PATH"]}` });
  expect(await folder.ran()).toBe(0);
  expect((await readWitness(folder.path)).exit).toMatchObject(exit);
});

test("the work has the umask of the house, not the wrapper's own", async () => {
  await using dir = await tempDir();
  const folder = await prepare(join(dir.path, "run"), "umask; umask 022; : >made");
  await folder.run();
  expect(await folder.output()).toBe(`${process.umask().toString(8).padStart(4, "0")}\n`);
  expect((await stat(join(folder.path, "output"))).mode & 0o777).toBe(0o600);
});

test("an environment that is not there is told, and nothing runs", async () => {
  await using dir = await tempDir();
  const folder = await prepare(join(dir.path, "run"), "exit 0");
  await writeFile(join(folder.path, "env"), asShellText({ INSTAR_AGENT_DIR: "/no/such/folder" }));
  await folder.run();
  expect(await folder.ran()).toBe(0);
  expect((await readWitness(folder.path)).exit).toMatchObject({ code: 125 });
});

test("on a full disk the end waits for room, and is told then", async (context) => {
  await using disk = await tinyDisk();
  if (!disk) {
    context.skip();
    return;
  }
  const folder = await prepare(join(disk.path, "run"), "cat /dev/zero >fill; : >filled; exit 6");
  const first = folder.start();
  await until(async () => (await folder.ran()) === 1 && (await isEnding(folder.path)));
  expect((await readWitness(folder.path)).exit).toBeNull();
  await rm(join(folder.path, "fill"));
  await once(first, "exit");
  expect((await readWitness(folder.path)).exit).toMatchObject({ code: 6 });
});

/** It has tried to say how it ended. */
async function isEnding(folder: string): Promise<boolean> {
  return (await readdir(folder)).some((name) => name.startsWith("exit."));
}
