import { cp, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeAgent } from "../../bin/init/agent-files.ts";
import { loadConfig } from "../../shared/config.ts";
import { loadJobs } from "../../shared/jobs.ts";
import { agentIdOf, agentPaths } from "../../shared/paths.ts";
import { instar } from "../support/cli.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/until.ts";

const FILES = ["agent.json", "AGENT.md", "USER.md", "MEMORY.md", ".gitignore", "jobs.json", "config.json"];

test("a new agent has all that it needs, private, under its folder's name", async () => {
  await using dir = await tempDir();
  const { exitCode, stdout } = await instar(["init", "ada", "--json"], { cwd: dir.path });
  expect(exitCode).toBe(0);
  const paths = agentPaths(join(dir.path, "ada"));
  const report = JSON.parse(stdout) as Record<string, unknown>;
  expect(report).toMatchObject({ dir: paths.dir, projectName: "ada", kept: [], warnings: [] });
  expect(report["created"]).toEqual(FILES.map((name) => `.instar/${name}`));
  const { port, auth, projectName } = await loadConfig(paths);
  expect({ port, projectName }).toEqual({ port: report["port"], projectName: "ada" });
  expect(auth.token).toMatch(/^[\w-]{43}$/);
  expect(await agentIdOf(paths)).toBe(report["id"]);
  expect(await loadJobs(paths)).toEqual({ jobs: [], invalid: [] });
  for (const name of FILES) expect([name, (await stat(join(paths.instar, name))).mode & 0o777]).toEqual([name, 0o600]);
  for (const folder of [paths.instar, paths.secrets]) expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(await readFile(join(paths.instar, "AGENT.md"), "utf8")).toMatch(/^# ada\n/);
});

test("what exists is kept, what is missing is added", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  await mkdir(paths.instar);
  const config = JSON.stringify({ projectName: "bo", port: 4999, auth: { token: "old" } });
  await writeFile(paths.config, config);
  await writeFile(join(paths.instar, "AGENT.md"), "I am Bo");
  const { exitCode, stdout, stderr } = await instar(["init", "--port", "5000"], { cwd: dir.path });
  expect(exitCode).toBe(0);
  expect(stderr).toContain("instar: the port stays 4999; change it: instar config set port 5000\n");
  expect(stderr).toContain(`${paths.config} could be read by other users of this machine; its mode is now 600\n`);
  expect(stdout).toContain("kept    .instar/AGENT.md\n");
  expect(stdout).toContain("created .instar/jobs.json\n");
  expect(await readFile(paths.config, "utf8")).toBe(config);
  expect(await readFile(join(paths.instar, "AGENT.md"), "utf8")).toBe("I am Bo");
});

test("twice is once", async () => {
  await using dir = await tempDir();
  const words = ["init", "--dir", dir.path, "Cy", "--json"];
  const first = JSON.parse((await instar(words)).stdout) as Record<string, unknown>;
  const config = await readFile(agentPaths(dir.path).config, "utf8");
  const second = JSON.parse((await instar(words)).stdout) as Record<string, unknown>;
  expect(first["projectName"]).toBe("Cy");
  expect(second).toMatchObject({ created: [], id: first["id"], port: first["port"] });
  expect(await readFile(agentPaths(dir.path).config, "utf8")).toBe(config);
});

test("a config that is not right is refused, not written over", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  await mkdir(paths.instar);
  await writeFile(paths.config, '{"port": 4040}');
  expect(await instar(["init"], { cwd: dir.path })).toEqual({
    stdout: "",
    stderr:
      "instar: error: config.projectName: is missing (and 1 more)\n" +
      `instar: hint: correct ${paths.config}, then: instar config check\n`,
    exitCode: 78,
  });
  expect(await readFile(paths.config, "utf8")).toBe('{"port": 4040}');
});

test("a copy of an agent gets an id of its own", async () => {
  await using dir = await tempDir();
  const original = await makeAgent({ dir: join(dir.path, "dee"), name: "dee", port: null });
  const copy = agentPaths(join(dir.path, "copy"));
  await cp(original.dir, copy.dir, { recursive: true });
  await expect(agentIdOf(copy)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  const { stderr } = await instar(["init"], { cwd: copy.dir });
  expect(stderr).toContain(`${copy.dir} was a copy: it has an id of its own now, and its port is the original's`);
  expect(await agentIdOf(copy)).not.toBe(original.id);
});

test("a port that is taken is passed over", async () => {
  await using dir = await tempDir();
  const first = await makeAgent({ dir: join(dir.path, "one"), name: "one", port: null });
  const server = await until(() => takePort(first.port));
  const second = await makeAgent({ dir: join(dir.path, "two"), name: "two", port: null });
  server.close();
  expect(second.port).not.toBe(first.port);
});

/** Null: somebody has it, perhaps only for the instant in which he finds out whether it is free. */
async function takePort(port: number): Promise<Server | null> {
  const server = createServer().listen(port, "127.0.0.1");
  return once(server, "listening").then(
    () => server,
    () => null,
  );
}

test.skipIf(process.platform !== "linux")("a folder that cannot be made is refused at once", async () => {
  expect(await instar(["init", "/proc/none/at-all"])).toMatchObject({
    exitCode: 69,
    stderr: expect.stringContaining("/proc/none"),
  });
});

test("a file is no folder for an agent", async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, "file"), "");
  expect(await instar(["init", "file"], { cwd: dir.path })).toMatchObject({
    exitCode: 69,
    stderr: expect.stringContaining(join(dir.path, "file")),
  });
});
