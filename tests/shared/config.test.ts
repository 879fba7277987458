import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  closest,
  Config,
  configFaults,
  configJsonSchema,
  loadConfig,
  parseConfig,
  parseWith,
  resolveSecret,
  watchConfig,
} from "../../shared/config.ts";
import { systemClock } from "../../shared/clock.ts";
import { describeError, InstarError } from "../../shared/errors.ts";
import { agentPaths } from "../../shared/paths.ts";
import { makeFolder, replaceFile } from "../../shared/store.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/until.ts";

const PATHS = { config: "/agent/.instar/config.json" };
const RIGHT = { projectName: "ada", auth: { token: "t" } };

/** What a refusal says. */
function refusal(act: () => unknown): { code: string; message: string; hint: string | undefined } {
  try {
    act();
  } catch (error) {
    if (error instanceof InstarError) return { code: error.code, message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error("it was not refused");
}

test.each<[string, unknown, string]>([
  [
    "a misspelt key",
    { ...RIGHT, scheduler: { maxParalelJobs: 2 } },
    'config.scheduler: unknown key "maxParalelJobs", did you mean "maxParallelJobs"?',
  ],
  [
    "a misspelt key that is required",
    { projectNam: "ada", auth: RIGHT.auth },
    'config: unknown key "projectNam", did you mean "projectName"? (and 1 more)',
  ],
  [
    "a key that is near to none",
    { ...RIGHT, auth: { token: "t", zzz: 1 } },
    'config.auth: unknown key "zzz"; known are token',
  ],
  [
    "a misspelt key in a list",
    { ...RIGHT, messaging: [{ type: "telegram", enable: true, config: { token: "t", chatId: "1" } }] },
    'config.messaging[0]: unknown key "enable", did you mean "enabled"?',
  ],
  ["a missing name", { auth: RIGHT.auth }, "config.projectName: is missing"],
  ["a missing section", { projectName: "ada" }, "config.auth: is missing"],
  ["a text for a number", { ...RIGHT, port: "4040" }, 'config.port: must be a number, is "4040"'],
  ["a port that is none", { ...RIGHT, port: 70_000 }, "config.port: must be at most 65535, is 70000"],
  ["a port of zero", { ...RIGHT, port: 0 }, "config.port: must be at least 1, is 0"],
  ["half a port", { ...RIGHT, port: 40.5 }, "config.port: must be a whole number, is 40.5"],
  [
    "a number for a switch",
    { ...RIGHT, scheduler: { enabled: 1 } },
    "config.scheduler.enabled: must be true or false, is 1",
  ],
  ["a list for a section", { ...RIGHT, scheduler: [] }, "config.scheduler: must be an object, is a list"],
  ["null for a section", { ...RIGHT, sessions: null }, "config.sessions: must be an object, is null"],
  ["an object for a list", { ...RIGHT, messaging: {} }, "config.messaging: must be a list, is an object"],
  [
    "a word that is none of the known",
    { ...RIGHT, sessions: { mode: "gui" } },
    'config.sessions.mode: must be "tui" or "stream", is "gui"',
  ],
  ["a level that there is not", { ...RIGHT, safetyLevel: 3 }, "config.safetyLevel: must be 1 or 2, is 3"],
  ["a version of the future", { ...RIGHT, version: 2 }, "config.version: must be 1, is 2"],
  [
    "a zone that there is not",
    { ...RIGHT, scheduler: { timezone: "Mars/North" } },
    'config.scheduler.timezone: must be a time zone such as "Europe/Berlin" or "UTC", is "Mars/North"',
  ],
  [
    "an address that is none",
    { ...RIGHT, feedback: { webhookUrl: "nope" } },
    'config.feedback.webhookUrl: must be an address like "https://example.org/path", is "nope"',
  ],
  [
    "a variable that no shell can hold",
    { ...RIGHT, sessions: { env: { "A B": "x" } } },
    "config.sessions.env.A B: must be the name of an environment variable",
  ],
  [
    "a percentage above all",
    { ...RIGHT, scheduler: { quotaThresholds: { normal: 101 } } },
    "config.scheduler.quotaThresholds.normal: must be at most 100, is 101",
  ],
  [
    "no limit at all",
    { ...RIGHT, sessions: { idleKillMinutes: 0 } },
    "config.sessions.idleKillMinutes: must be more than 0, is 0",
  ],
  ["an empty name", { ...RIGHT, projectName: "" }, "config.projectName: must not be empty"],
  [
    "a secret of another kind, which is not shown",
    { ...RIGHT, auth: { token: 12_345 } },
    "config.auth.token: must be a text or an object",
  ],
  [
    "a misspelt reference to a secret",
    { ...RIGHT, auth: { token: { fil: "x" } } },
    'config.auth.token: unknown key "fil", did you mean "file"? (and 1 more)',
  ],
  ["a list", [], "config: must be an object, is a list"],
  ["a text", "config", 'config: must be an object, is "config"'],
])("refuses %s", (_, value, message) => {
  expect(refusal(() => parseConfig(JSON.stringify(value), PATHS))).toEqual({
    code: "CONFIG_INVALID",
    message,
    hint: "correct /agent/.instar/config.json, then: instar config check",
  });
});

test("every default is filled", () => {
  const config = parseConfig(JSON.stringify(RIGHT), PATHS);
  expect(config).toMatchObject({ port: 4040, host: "127.0.0.1", scheduler: { maxParallelJobs: 2, enabled: true } });
  expect(config.scheduler.timezone).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone);
  expect(config.scheduler.quotaThresholds).toEqual({ normal: 50, elevated: 70, critical: 85, shutdown: 95 });
});

test("each fault is a sentence", () => {
  const faults = configFaults(JSON.stringify({ ...RIGHT, port: 0, host: 5 }), PATHS);
  expect(faults).toEqual(["config.port: must be at least 1, is 0", "config.host: must be a text, is 5"]);
});

test("a caller's own schema is refused in the same words", () => {
  const schema = z.strictObject({ limit: z.int().max(3) });
  expect(refusal(() => parseWith(schema, { limit: 4 }, "query")).message).toBe("query.limit: must be at most 3, is 4");
});

test.each([
  ["statsu", "status"],
  ["STATUS", "status"],
  ["histo", "history"],
  ["adds", "add"],
  ["dad", "add"],
  ["a", undefined],
  ["xyz", undefined],
  ["", undefined],
])("%s was meant as %s", (word, meant) => {
  expect(closest(word, ["status", "history", "add"])).toBe(meant);
});

test("no agent is told from a broken one", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  await expect(loadConfig(paths)).rejects.toMatchObject({
    code: "CONFIG_MISSING",
    message: `${paths.config} does not exist`,
    hint: "make an agent here: instar init",
  });
  await makeFolder(paths.instar);
  await writeFile(paths.config, "{");
  await expect(loadConfig(paths)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("the schema for editors holds what is required of a person, and no more", () => {
  const schema = configJsonSchema() as { required: string[]; additionalProperties: boolean };
  expect(schema).toMatchObject({ required: ["projectName", "auth"], additionalProperties: false });
});

test("a secret is a text, a file or a variable", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  await makeFolder(paths.secrets);
  await writeFile(join(paths.secrets, "token"), "from a file\n");
  await writeFile(join(paths.secrets, "empty"), "\n");
  process.env["INSTAR_TEST_SECRET"] = "from the environment";
  const tellFault = (reference: { file: string } | { env: string }): Promise<string> =>
    resolveSecret(paths, reference).then(String, describeError);
  expect(await resolveSecret(paths, "plain")).toBe("plain");
  expect(await resolveSecret(paths, { file: "secrets/token" })).toBe("from a file");
  expect(await resolveSecret(paths, { env: "INSTAR_TEST_SECRET" })).toBe("from the environment");
  expect(await tellFault({ env: "INSTAR_TEST_NONE" })).toBe(
    "the environment variable INSTAR_TEST_NONE of a secret is not set",
  );
  expect(await tellFault({ file: "secrets/empty" })).toBe(`the secret's file ${paths.secrets}/empty is empty`);
  expect(await tellFault({ file: "secrets/none" })).toMatch(
    `cannot read the secret's file ${paths.secrets}/none: ENOENT`,
  );
});

test("a running daemon keeps the last good config, and is told of each fault once", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  await makeFolder(paths.instar);
  const write = (config: unknown): Promise<void> => replaceFile(paths.config, JSON.stringify(config));
  await write(RIGHT);
  const ports: number[] = [];
  const faults: string[] = [];
  await using _watch = watchConfig(paths, {
    clock: systemClock,
    current: await loadConfig(paths),
    onChange: ({ port }) => ports.push(port),
    onBroken: ({ message }) => faults.push(message),
  });
  await write({ ...RIGHT, port: 5001 });
  await until(async () => ports.length === 1);
  await write({ ...RIGHT, port: "x" });
  await until(async () => faults.length === 1);
  await write({ ...RIGHT, port: "x" });
  await write({ ...RIGHT, port: 5002 });
  await until(async () => ports.length === 2);
  expect(ports).toEqual([5001, 5002]);
  expect(faults).toEqual(['config.port: must be a number, is "x"']);
});

test("where the file system tells nothing, a change is found by time", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  await makeFolder(paths.instar);
  await replaceFile(paths.config, JSON.stringify(RIGHT));
  const clock = createFakeClock();
  const changes: Config[] = [];
  // A folder that is not there cannot be watched.
  await using _watch = watchConfig(
    { config: paths.config, instar: join(dir.path, "nowhere") },
    { clock, current: await loadConfig(paths), onChange: (config) => changes.push(config), onBroken: () => undefined },
  );
  await replaceFile(paths.config, JSON.stringify({ ...RIGHT, port: 5003 }));
  await clock.advance(30_000);
  await until(async () => changes.length === 1);
  expect(changes[0]?.port).toBe(5003);
});
