import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { instar } from "../support/cli.ts";
import { tempAgent } from "../support/temp-agent.ts";

test("a setting is shown with its default; secrets only by their own names", async () => {
  await using agent = await tempAgent({ config: { scheduler: { timezone: "Europe/Berlin" } } });
  const said = async (...words: string[]): Promise<string> =>
    (await instar(["config", "get", ...words], { cwd: agent.dir })).stdout;
  expect(await said("scheduler.timezone")).toBe("Europe/Berlin\n");
  expect(await said("scheduler.timezone", "--json")).toBe('"Europe/Berlin"\n');
  expect(await said("scheduler.maxParallelJobs")).toBe("2\n");
  expect(await said("auth.token")).toBe(`${agent.token}\n`);
  const whole = await said("--json");
  expect(whole).not.toContain(agent.token);
  expect(JSON.parse(whole)).toMatchObject({ auth: { token: "(hidden: name its key to see it)" }, port: agent.port });
});

test.each<[string, string, unknown]>([
  ["scheduler.maxParallelJobs", "5", { scheduler: { maxParallelJobs: 5 } }],
  ["scheduler.timezone", "UTC", { scheduler: { timezone: "UTC" } }],
  ["projectName", "42", { projectName: "42" }],
  [
    "sessions.env.ANTHROPIC_BASE_URL",
    "http://127.0.0.1:1",
    { sessions: { env: { ANTHROPIC_BASE_URL: "http://127.0.0.1:1" } } },
  ],
  ["monitoring.quotaFile", "null", { monitoring: { quotaFile: null } }],
  ["auth.token", '{"env": "TOKEN"}', { auth: { token: { env: "TOKEN" } } }],
])("%s is set to %s, and all else stays as it was", async (key, value, expected) => {
  await using agent = await tempAgent({ config: { requestTimeoutMs: 5000 } });
  const { exitCode, stderr } = await instar(["config", "set", key, value], { cwd: agent.dir });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const written: unknown = JSON.parse(await readFile(agent.paths.config, "utf8"));
  expect(written).toMatchObject({ version: 1, port: agent.port, requestTimeoutMs: 5000, ...(expected as object) });
});

test("a secret that was set is not shown", async () => {
  await using agent = await tempAgent();
  const { stdout } = await instar(["config", "set", "auth.token", "very-secret"], { cwd: agent.dir });
  expect(stdout).toBe('auth.token is now "(hidden: name its key to see it)"\n');
});

test("what would break the config is not written", async () => {
  await using agent = await tempAgent();
  const before = await readFile(agent.paths.config, "utf8");
  for (const [key = "", value = ""] of [
    ["port", "no"],
    ["__proto__.x", "1"],
    ["scheduler", "3"],
    ["auth", "{}"],
  ]) {
    const { exitCode } = await instar(["config", "set", key, value], { cwd: agent.dir });
    expect([key, exitCode]).toEqual([key, 64]);
  }
  expect(await readFile(agent.paths.config, "utf8")).toBe(before);
});

test("check says everything that is wrong, and 78", async () => {
  await using agent = await tempAgent({ config: { port: 0, host: 5, schedule: {} } });
  const { stdout, exitCode } = await instar(["config", "check"], { cwd: agent.dir });
  expect(exitCode).toBe(78);
  expect(stdout).toBe(
    'config: unknown key "schedule", did you mean "scheduler"?\n' +
      "config.port: must be at least 1, is 0\n" +
      "config.host: must be a text, is 5\n",
  );
  const answer = JSON.parse((await instar(["config", "check", "--json"], { cwd: agent.dir })).stdout) as object;
  expect(answer).toMatchObject({ valid: false, unused: [] });
});

test("check follows references to secrets", async () => {
  await using agent = await tempAgent({ config: { auth: { token: { env: "INSTAR_TEST_NONE" } } } });
  const { stdout, exitCode } = await instar(["config", "check"], { cwd: agent.dir });
  expect({ stdout, exitCode }).toEqual({
    stdout: "config.auth.token: the environment variable INSTAR_TEST_NONE of a secret is not set\n",
    exitCode: 78,
  });
});

test("check tells by what nothing goes", async () => {
  await using agent = await tempAgent({ config: { feedback: { enabled: true }, sessions: { mode: "stream" } } });
  expect(await instar(["config", "check"], { cwd: agent.dir })).toEqual({
    stdout: `${agent.paths.config} is right\n`,
    stderr:
      "instar: config.sessions.mode: nothing of this release goes by it\n" +
      "instar: config.feedback: nothing of this release goes by it\n",
    exitCode: 0,
  });
});

test("a file that is no JSON is told with its place", async () => {
  await using agent = await tempAgent();
  await writeFile(agent.paths.config, '{\n  "port": 4040,\n}');
  const { stdout, exitCode } = await instar(["config", "check"], { cwd: agent.dir });
  expect({ stdout, exitCode }).toEqual({ stdout: `${agent.paths.config}:3:1: a comma before "}"\n`, exitCode: 78 });
  const { stderr } = await instar(["job", "list"], { cwd: agent.dir });
  expect(stderr).toBe(
    `instar: error: ${agent.paths.config}:3:1: a comma before "}"\n` +
      `instar: hint: correct ${agent.paths.config}, then: instar config check\n`,
  );
});
