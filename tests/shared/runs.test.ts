import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { agentPaths } from "../../shared/paths.ts";
import { gateFolder, parseRunId, readLaunch, readWitness, runFolder, runIdOf } from "../../shared/runs.ts";
import { tempDir } from "../support/temp.ts";

const RUN = { slug: "back-up", slot: "2026-01-31T23:59:59.001Z", attempt: 12 };

test("a run's name says its job, its slot and its attempt, and is read back", () => {
  expect(runIdOf(RUN)).toBe("back-up@20260131T235959.001Z.12");
  expect(parseRunId(runIdOf(RUN))).toEqual(RUN);
});

test.each([
  "",
  "back-up",
  "back-up@2026",
  "Back@20260131T235959.001Z.1",
  "a@20260231T000000.000Z.1",
  "a@20260131T000000.000Z.0",
  "../a@20260131T000000.000Z.1",
])("%j names no run", (id) => {
  expect(parseRunId(id)).toBeNull();
});

test("a run rests in its job's folder, its gate inside", () => {
  const folder = runFolder(agentPaths("/srv/agent"), RUN);
  expect(folder).toBe("/srv/agent/.instar/state/scheduler/runs/back-up/20260131T235959.001Z.12");
  expect(gateFolder(folder)).toBe(`${folder}/gate`);
});

test("no folder is a run that has not begun", async () => {
  expect(await readWitness("/no/such/folder")).toEqual({ begun: null, exit: null, stop: null });
});

test("a damaged begun was somebody's, a damaged exit or order is none", async () => {
  await using dir = await tempDir();
  for (const name of ["begun", "exit", "stop.json"]) await writeFile(join(dir.path, name), "{");
  const witness = await readWitness(dir.path);
  expect(witness).toMatchObject({ begun: { pid: -1, group: 0 }, exit: null, stop: null });
});

test("an empty begun, as a power cut may leave it, was somebody's", async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, "begun"), "");
  expect((await readWitness(dir.path)).begun).toMatchObject({ pid: -1 });
});

test("what a run was started as is read back; what is damaged or of another version is not", async () => {
  await using dir = await tempDir();
  const launch = { v: 1, kind: "claude-code", timeoutMs: 5, session: { id: "s", folder: "/f" } };
  expect(await readLaunch(dir.path)).toBeNull();
  await writeFile(join(dir.path, "launch.json"), JSON.stringify(launch));
  expect(await readLaunch(dir.path)).toEqual(launch);
  for (const [name, text] of [
    ["a", "{"],
    ["b", JSON.stringify({ ...launch, v: 2 })],
  ] as const) {
    await mkdir(join(dir.path, name));
    await writeFile(join(dir.path, name, "launch.json"), text);
    expect(await readLaunch(join(dir.path, name))).toBeNull();
  }
});
