import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  agentId,
  agentIdOf,
  agentPaths,
  type AgentPaths,
  ensureRun,
  findAgent,
  makePrivate,
  readRun,
} from "../../shared/paths.ts";
import { tempDir } from "../support/temp.ts";

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
const isRoot = process.getuid?.() === 0;

/** An agent's folder, and a folder for temporary ones that is gone with it. */
async function folders(): Promise<AsyncDisposable & { readonly paths: AgentPaths; readonly temp: string }> {
  const dir = await tempDir();
  const temp = join(dir.path, "tmp");
  await mkdir(temp);
  process.env["TMPDIR"] = temp;
  const paths = agentPaths(join(dir.path, "agent"));
  await mkdir(paths.instar, { recursive: true });
  return { paths, temp, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

const names = ["TMPDIR", "XDG_RUNTIME_DIR"] as const;
let before: (string | undefined)[] = [];
beforeEach(() => {
  before = names.map((name) => process.env[name]);
  delete process.env["XDG_RUNTIME_DIR"];
});
afterEach(() => {
  for (const [at, name] of names.entries()) {
    if (before[at] === undefined) delete process.env[name];
    else process.env[name] = before[at];
  }
});

describe("the id of an agent", () => {
  test.each([
    ["My Agent", /^my-agent-[0-9a-f]{8}$/],
    ["Ärger & Söhne", /^a-rger-so-hne-[0-9a-f]{8}$/],
    ["日本", /^agent-[0-9a-f]{8}$/],
    ["-x-", /^x-[0-9a-f]{8}$/],
    ["a".repeat(300), /^a{24}-[0-9a-f]{8}$/],
    [`${"a".repeat(23)} b`, /^a{23}-[0-9a-f]{8}$/],
  ])("of the name %j is short and plain", (name, pattern) => {
    expect(agentId("/srv/one", name)).toMatch(pattern);
  });

  test("differs for two folders of one name, and is the same every time", () => {
    expect(agentId("/srv/one/agent")).not.toBe(agentId("/srv/two/agent"));
    expect(agentId("/srv/one/agent")).toBe(agentId("/srv/one/agent"));
  });

  test("is the one that was fixed, until the folder is copied or moved", async () => {
    await using home = await folders();
    const { paths } = home;
    await writeFile(paths.agent, JSON.stringify({ version: 1, id: "fixed-00000000", dir: await realpath(paths.dir) }));
    expect(await agentIdOf(paths)).toBe("fixed-00000000");
    const copy = agentPaths(`${paths.dir}-copy`);
    await cp(paths.dir, copy.dir, { recursive: true });
    await expect(ensureRun(copy)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `this agent was copied or moved here from ${paths.dir}`,
      hint: `run \`instar init\` in ${copy.dir}: it gives this folder an id of its own`,
    });
  });

  test.each(["", "{", '{"version": 2, "id": "x", "dir": "/"}'])(
    "of a damaged file (%j) is not made up",
    async (text) => {
      await using home = await folders();
      await writeFile(home.paths.agent, text);
      await expect(agentIdOf(home.paths)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    },
  );

  test("of a folder that is not there is nobody's", async () => {
    await using home = await folders();
    await expect(agentIdOf(agentPaths(join(home.temp, "none")))).rejects.toMatchObject({ code: "NO_AGENT" });
  });
});

test("an agent is found from any folder below it, by its real path, and not from beside it", async () => {
  await using home = await folders();
  const { paths, temp } = home;
  const below = join(paths.dir, "a/b");
  await mkdir(below, { recursive: true });
  expect(await findAgent(below)).toBeNull();
  await writeFile(paths.config, "{}");
  await symlink(paths.dir, join(temp, "link"));
  const real = await realpath(paths.dir);
  expect(await findAgent(below)).toBe(real);
  expect(await findAgent(join(temp, "link/a"))).toBe(real);
  expect(await findAgent(temp)).toBeNull();
});

describe("the run folder", () => {
  test("is private, short and behind a link, and the same for whoever asks again", async () => {
    await using home = await folders();
    const run = await ensureRun(home.paths);
    expect(dirname(run)).toBe(join(home.temp, `instar-${process.getuid?.() ?? 0}`));
    expect([await modeOf(run), await modeOf(dirname(run))]).toEqual(["700", "700"]);
    expect(await readlink(home.paths.run)).toBe(run);
    expect(await ensureRun(home.paths)).toBe(run);
  });

  test("is where XDG_RUNTIME_DIR says, when that is ours; the link then counts for whoever has another environment", async () => {
    await using home = await folders();
    const runtime = join(home.temp, "runtime");
    process.env["XDG_RUNTIME_DIR"] = runtime;
    expect(dirname(await ensureRun(home.paths))).toBe(join(home.temp, `instar-${process.getuid?.() ?? 0}`));
    await rm(home.paths.run);
    await mkdir(runtime);
    const run = await ensureRun(home.paths);
    expect(dirname(run)).toBe(join(runtime, "instar"));
    delete process.env["XDG_RUNTIME_DIR"];
    expect(await ensureRun(home.paths)).toBe(run);
  });

  test("is made again when the folder, the link or both are gone", async () => {
    await using home = await folders();
    const { paths } = home;
    const run = await ensureRun(paths);
    await rm(run, { recursive: true });
    expect(await ensureRun(paths)).toBe(run);
    expect(await modeOf(run)).toBe("700");
    await rm(paths.run);
    expect(await readRun(paths)).toBeNull();
    expect(await ensureRun(paths)).toBe(run);
    await rm(paths.run);
    await rm(run, { recursive: true });
    expect(await ensureRun(paths)).toBe(run);
  });

  test("of a copy without an id of its own is not that of the original", async () => {
    await using home = await folders();
    const { paths } = home;
    const run = await ensureRun(paths);
    const copy = agentPaths(`${paths.dir}-copy`);
    await cp(paths.dir, copy.dir, { recursive: true, verbatimSymlinks: true });
    expect(await readRun(copy)).toBe(run);
    expect(await ensureRun(copy)).not.toBe(run);
    expect(await ensureRun(paths)).toBe(run);
  });

  test("of twenty who come at once is one", async () => {
    await using home = await folders();
    const runs = await Promise.all(Array.from({ length: 20 }, () => ensureRun(home.paths)));
    expect(new Set(runs).size).toBe(1);
    expect(await readlink(home.paths.run)).toBe(runs[0]);
  });

  test("takes sockets from an agent whose own path is too long for them", async () => {
    await using home = await folders();
    const deep = agentPaths(join(home.paths.dir, "deep".repeat(30)));
    await mkdir(deep.instar, { recursive: true });
    const listens = async (path: string): Promise<boolean> => {
      const server = createServer();
      try {
        server.listen(path);
        await once(server, "listening");
        return true;
      } catch {
        return false;
      } finally {
        server.close();
      }
    };
    const run = await ensureRun(deep);
    expect(await listens(join(run, basename(deep.socket("scheduler"))))).toBe(true);
    expect(await listens(deep.socket("scheduler"))).toBe(false);
  });

  test("is in /tmp when every other place has too long a path", async () => {
    await using home = await folders();
    const long = join(home.temp, "long".repeat(25));
    await mkdir(long);
    process.env["TMPDIR"] = long;
    const run = await ensureRun(home.paths);
    try {
      expect(dirname(dirname(run))).toBe("/tmp");
    } finally {
      await rm(run, { recursive: true });
    }
  });

  test("is not made where a link or a file was planted, nor over a folder that stands in the link's place", async () => {
    await using home = await folders();
    const { paths, temp } = home;
    const base = join(temp, `instar-${process.getuid?.() ?? 0}`);
    await mkdir(join(temp, "elsewhere"));
    await symlink(join(temp, "elsewhere"), base);
    await expect(ensureRun(paths)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `${base} is in the way: it is no folder`,
    });
    await rename(base, join(temp, "moved"));
    await mkdir(paths.run);
    await expect(ensureRun(paths)).rejects.toMatchObject({ message: `${paths.run} is in the way: it is no link` });
  });

  test.runIf(isRoot)("is not made inside a folder of somebody else", async () => {
    await using home = await folders();
    const base = join(home.temp, `instar-${process.getuid?.() ?? 0}`);
    await mkdir(base, { mode: 0o700 });
    await chown(base, 12_345, 12_345);
    await expect(ensureRun(home.paths)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `${base} belongs to another user (uid 12345)`,
    });
  });
});

describe("an agent's files", () => {
  test("are made private, each with a word, and only once", async () => {
    await using home = await folders();
    const { paths } = home;
    const token = join(paths.secrets, "token");
    await mkdir(paths.secrets);
    for (const path of [paths.config, token]) await writeFile(path, "x");
    await chmod(paths.instar, 0o755);
    await chmod(paths.secrets, 0o750);
    await chmod(paths.config, 0o604);
    await chmod(token, 0o640);
    const warnings = await makePrivate(paths);
    expect(warnings.map((warning) => warning.split(" ")[0])).toEqual([
      paths.instar,
      paths.secrets,
      paths.config,
      token,
    ]);
    expect(warnings[2]).toBe(`${paths.config} could be read by other users of this machine; its mode is now 600`);
    expect(await modeOf(paths.instar)).toBe("700");
    expect([await modeOf(paths.secrets), await modeOf(paths.config), await modeOf(token)]).toEqual([
      "700",
      "600",
      "600",
    ]);
    expect(await makePrivate(paths)).toEqual([]);
  });

  test.runIf(isRoot)("of another owner are refused and left as they are", async () => {
    await using home = await folders();
    const { paths } = home;
    await writeFile(paths.config, "{}");
    await chown(paths.config, 12_345, 12_345);
    await chmod(paths.config, 0o644);
    await expect(makePrivate(paths)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `${paths.config} belongs to another user (uid 12345)`,
      hint: `\`sudo chown -R 0 ${paths.config}\`, or run as its owner`,
    });
    expect((await lstat(paths.config)).mode & 0o777).toBe(0o644);
  });
});
