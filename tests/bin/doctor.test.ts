import { chmod, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exists, readRun } from "../../shared/paths.ts";
import { instar, type Said } from "../support/cli.ts";
import { tempAgent, type TempAgent } from "../support/temp-agent.ts";
import { tempDir } from "../support/temp.ts";

interface Diagnosis {
  readonly check: string;
  readonly state: string;
  readonly says: string;
  readonly hint?: string;
}

interface Told extends Said {
  readonly ok: boolean;
  of(check: string): Diagnosis[];
}

/** Asks the doctor, with programs of the test in place of tmux and Claude Code. */
async function doctor(
  agent: TempAgent,
  words: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Told> {
  const said = await instar(["doctor", "--json", "--dir", agent.dir, ...words], { env: { ...agent.env, ...env } });
  const { ok, findings } = JSON.parse(said.stdout || '{"ok":false,"findings":[]}') as {
    ok: boolean;
    findings: Diagnosis[];
  };
  return { ...said, ok, of: (check) => findings.filter((each) => each.check === check) };
}

async function program(agent: TempAgent, name: string, script: string): Promise<string> {
  const path = join(agent.dir, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

async function wellAgent(options: Parameters<typeof tempAgent>[0] = {}): Promise<TempAgent> {
  const agent = await tempAgent({
    ...options,
    config: { sessions: { tmuxPath: "./tmux", claudePath: "./claude" }, ...options.config },
  });
  await program(agent, "tmux", 'echo "tmux 3.4"');
  await program(agent, "claude", 'echo "2.1.0 (Claude Code)"');
  return agent;
}

const script = { slug: "a", name: "A", schedule: "@daily", execute: { type: "script", value: "true" } };
const prompt = { slug: "p", name: "P", schedule: "@daily", execute: { type: "prompt", value: "hi" } };

test("a house that is well is told so, check by check", async () => {
  await using agent = await wellAgent({ jobs: [script, { ...script, slug: "b", enabled: false }] });
  const told = await doctor(agent);
  expect(told.stderr).toBe("");
  expect(told.exitCode).toBe(0);
  expect(told.ok).toBe(true);
  expect(
    ["node", "tmux", "claude", "agent", "files", "config", "jobs", "run folder", "port"].map((name) => told.of(name)),
  ).toEqual([
    [{ check: "node", state: "ok", says: `Node ${process.versions.node} (${process.execPath})` }],
    [{ check: "tmux", state: "ok", says: "tmux 3.4" }],
    [{ check: "claude", state: "ok", says: "Claude Code 2.1.0" }],
    [{ check: "agent", state: "ok", says: agent.dir }],
    [{ check: "files", state: "ok", says: `${agent.paths.instar} and what is in it is yours alone` }],
    [{ check: "config", state: "ok", says: `${agent.paths.config} is right` }],
    [{ check: "jobs", state: "ok", says: "2 jobs, 1 of them on" }],
    [{ check: "run folder", state: "ok", says: await readRun(agent.paths) }],
    [{ check: "port", state: "ok", says: `127.0.0.1:${agent.port} is free` }],
  ]);
  expect(told.of("suite")).toMatchObject([{ state: "advice", says: "the suite is not running" }]);
  expect(told.of("disk")).toHaveLength(1);
});

test("people get a table and a last word", async () => {
  await using agent = await wellAgent({ jobs: [script] });
  const { stdout } = await instar(["doctor", "--dir", agent.dir], { env: agent.env });
  expect(stdout).toMatch(/^STATE {2,}CHECK/);
  expect(stdout).toMatch(/^advice {2,}suite {2,}the suite is not running$/m);
  expect(stdout).toContain("start it: instar server start, or in the foreground: instar up");
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("nothing is wrong");
});

test.each([
  ["tmux", "exit 1", "./tmux -V fails", "fault"],
  ["tmux", 'echo "tmux 2.9a"', "tmux 2.9a is too old", "fault"],
  ["tmux", 'echo "tmux master"', "tmux master does not tell its number", "advice"],
  ["claude", "exit 1", "./claude --version fails, and 1 job needs it: p", "fault"],
])("a %s that says `%s`", async (name, says, finding, state) => {
  await using agent = await wellAgent({ jobs: [prompt] });
  await program(agent, name, says);
  const told = await doctor(agent);
  expect(told.of(name)).toMatchObject([{ state, says: finding }]);
  expect(told.exitCode).toBe(state === "fault" ? 1 : 0);
});

test("a Claude Code that is not there is a fault once a job needs it", async () => {
  await using idle = await wellAgent({ jobs: [script] });
  await rm(join(idle.dir, "claude"));
  const hint = "install Claude Code, or say where it is: sessions.claudePath in config.json";
  expect((await doctor(idle)).of("claude")).toEqual([
    { check: "claude", state: "advice", says: "there is no ./claude; no job needs it yet", hint },
  ]);
  await writeFile(idle.paths.jobs, JSON.stringify([prompt]));
  expect((await doctor(idle)).of("claude")).toEqual([
    { check: "claude", state: "fault", says: "there is no ./claude, and 1 job needs it: p", hint },
  ]);
});

test("while config.json is broken nobody knows which claude is meant, and nothing is said of it", async () => {
  await using agent = await wellAgent({ jobs: [prompt] });
  await writeFile(agent.paths.config, "{");
  const told = await doctor(agent);
  expect(told.of("claude")).toEqual([]);
  expect(told.of("config")).toMatchObject([{ state: "fault" }]);
});

test("what others could read is named, and made private with --fix alone", async () => {
  await using agent = await wellAgent();
  const secret = join(agent.paths.secrets, "token");
  await mkdir(agent.paths.secrets, { mode: 0o755 });
  await writeFile(secret, "x", { mode: 0o644 });
  await chmod(agent.paths.secrets, 0o755);
  await chmod(secret, 0o644);
  const before = await doctor(agent);
  expect(
    before
      .of("files")
      .map(({ says }) => says)
      .toSorted(),
  ).toEqual([
    `${agent.paths.secrets} can be read by other users of this machine (mode 755)`,
    `${secret} can be read by other users of this machine (mode 644)`,
  ]);
  expect(before.exitCode).toBe(1);
  expect((await stat(secret)).mode & 0o777).toBe(0o644);
  const fixed = await doctor(agent, ["--fix"]);
  expect(fixed.of("files").map(({ state }) => state)).toEqual(["fixed", "fixed"]);
  expect(fixed.exitCode).toBe(0);
  expect((await stat(secret)).mode & 0o777).toBe(0o600);
  expect((await stat(agent.paths.secrets)).mode & 0o777).toBe(0o700);
});

test("every fault of config.json is told, and the checks that need none go on", async () => {
  await using agent = await wellAgent({ config: { scheduler: { maxParalelJobs: 2 }, port: "x" } });
  const told = await doctor(agent);
  expect(told.of("config").map(({ state }) => state)).toEqual(["fault", "fault"]);
  expect(
    told
      .of("config")
      .map(({ says }) => says)
      .join("\n"),
  ).toContain('did you mean "maxParallelJobs"?');
  expect(told.of("jobs")).toMatchObject([{ state: "ok", says: "0 jobs, 0 of them on" }]);
  expect(told.of("port")).toEqual([]);
  await writeFile(agent.paths.config, "{");
  expect((await doctor(agent)).of("config")).toMatchObject([
    { state: "fault", says: expect.stringContaining("config.json") },
  ]);
});

test("a token that cannot be read, or is easily guessed, is told without being shown", async () => {
  await using agent = await wellAgent({ config: { auth: { token: { file: "secrets/none" } } } });
  expect((await doctor(agent)).of("config")).toMatchObject([
    { state: "ok" },
    { state: "fault", says: expect.stringMatching(/^auth\.token: /) },
  ]);
  await mkdir(agent.paths.secrets, { mode: 0o700 });
  await writeFile(join(agent.paths.secrets, "none"), "guess-me", { mode: 0o600 });
  const weak = await doctor(agent);
  expect(weak.of("config")[1]).toMatchObject({ state: "advice", says: "auth.token has only 8 characters" });
  expect(weak.stdout).not.toContain("guess-me");
});

test("an API that other machines can reach is told", async () => {
  await using agent = await wellAgent({ config: { host: "0.0.0.0" } });
  expect((await doctor(agent)).of("config")).toMatchObject([
    { state: "ok" },
    { state: "advice", says: "other machines can reach the API at 0.0.0.0", hint: "instar config set host 127.0.0.1" },
  ]);
});

test("jobs that are not run are told with their reason", async () => {
  await using agent = await wellAgent({ jobs: [script, { ...script, slug: "b", schedule: "noon" }] });
  const [fine, bad] = (await doctor(agent)).of("jobs");
  expect(fine).toMatchObject({ state: "ok", says: "1 job, 1 of them on" });
  expect(bad).toMatchObject({
    state: "fault",
    says: expect.stringContaining('not run: jobs[1].schedule: the schedule "noon"'),
  });
  await writeFile(agent.paths.jobs, "[");
  expect((await doctor(agent)).of("jobs")).toMatchObject([
    { state: "fault", says: expect.stringContaining("jobs.json") },
  ]);
});

test("a run folder that is gone is made anew with --fix", async () => {
  await using agent = await wellAgent();
  const folder = (await readRun(agent.paths)) ?? "";
  await rm(folder, { recursive: true });
  expect((await doctor(agent)).of("run folder")).toMatchObject([
    { state: "fault", says: `${agent.paths.run} leads to ${folder}, which is not there` },
  ]);
  expect((await doctor(agent, ["--fix"])).of("run folder")).toMatchObject([{ state: "fixed", says: `made ${folder}` }]);
  expect(await exists(folder)).toBe(true);
});

test("an agent that was copied is told so", async () => {
  await using agent = await wellAgent();
  await writeFile(agent.paths.agent, JSON.stringify({ version: 1, id: "other-00000000", dir: "/elsewhere" }));
  expect((await doctor(agent)).of("run folder")).toMatchObject([
    { state: "fault", says: "this agent was copied or moved here from /elsewhere" },
  ]);
});

test("a port that another program holds is told", async () => {
  await using agent = await wellAgent();
  await using server = createServer().listen(agent.port, "127.0.0.1");
  await once(server, "listening");
  expect((await doctor(agent)).of("port")).toEqual([
    {
      check: "port",
      state: "fault",
      says: `127.0.0.1:${agent.port} is held by another program`,
      hint: "choose another: instar config set port <port>",
    },
  ]);
});

test("without an agent the machine is examined, and nothing is made", async () => {
  await using dir = await tempDir();
  const said = await instar(["doctor"], { cwd: dir.path });
  expect(said.exitCode).toBe(1);
  expect(said.stdout).toMatch(/^fault {2,}agent {2,}there is no agent in this folder or above it$/m);
  expect(said.stdout).toMatch(/^ok {2,}node /m);
  expect(said.stdout).not.toMatch(/^\w+ {2,}(config|jobs|files)/m);
  expect(await readdir(dir.path)).toEqual([]);
});

test("a folder that was named must hold an agent", async () => {
  await using dir = await tempDir();
  const said = await instar(["doctor", "--dir", dir.path]);
  expect(said).toMatchObject({ exitCode: 78, stdout: "" });
  expect(said.stderr).toContain(`there is no agent in ${dir.path}`);
});
