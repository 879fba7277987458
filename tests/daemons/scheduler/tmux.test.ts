import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTmux } from "../../../daemons/scheduler/tmux.ts";
import { readRun } from "../../../shared/paths.ts";
import { readWitness } from "../../../shared/runs.ts";
import { tempAgent, type TempAgent } from "../../support/temp-agent.ts";
import { startTmux } from "../../support/tmux.ts";
import { until } from "../../support/until.ts";

async function prepare(agent: TempAgent, name: string): Promise<string> {
  const folder = join(agent.dir, name);
  await mkdir(folder);
  await writeFile(join(folder, "command"), "while [ ! -e go ]; do sleep 0.05; done");
  await writeFile(join(folder, "env"), `export INSTAR_AGENT_DIR='${agent.dir}'`);
  return folder;
}

test("a pane is opened for a folder of any name, once while it is there", async () => {
  await using agent = await tempAgent();
  await using server = await startTmux(agent);
  const tmux = createTmux(agent.paths, () => "tmux");
  const folder = await prepare(agent, "a #{pid};");
  await tmux.openRun("job@1", folder);
  await tmux.openRun("job@1", folder);
  expect(await server.ask("list-sessions", "-F", "#{session_name}")).toBe("job@1\n");
  await until(async () => (await readWitness(folder)).begun);
  await writeFile(join(agent.dir, "go"), "");
  await until(async () => (await readWitness(folder)).exit);
  expect((await readWitness(folder)).exit?.code).toBe(0);
});

test("it never starts a server: without one it says so", async () => {
  await using agent = await tempAgent();
  const folder = await prepare(agent, "run");
  await expect(createTmux(agent.paths, () => "tmux").openRun("x", folder)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "no tmux server runs",
  });
  expect(await readdir((await readRun(agent.paths)) ?? "")).not.toContain("tmux.sock");
});

test("without tmux it says so", async () => {
  await using agent = await tempAgent();
  const folder = await prepare(agent, "run");
  await expect(createTmux(agent.paths, () => "no-such-tmux").openRun("x", folder)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "tmux is not installed, or not on the path",
  });
});

test("a server that does not answer is told as such", async () => {
  await using agent = await tempAgent();
  const stuck = join(agent.dir, "stuck");
  await writeFile(stuck, "#!/bin/sh\necho 'something odd' >&2; exit 1\n", { mode: 0o755 });
  await expect(createTmux(agent.paths, () => stuck).openRun("x", agent.dir)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "tmux: something odd",
  });
});
