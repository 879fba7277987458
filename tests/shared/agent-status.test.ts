import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { readSuiteStatus, SuiteStatus, urlOf } from "../../shared/agent-status.ts";
import type { DaemonStatus } from "../../shared/lifecycle.ts";
import { identify } from "../../shared/proc.ts";
import type { ProgramStatus, SupervisorStatus } from "../../shared/supervisor.ts";
import { tempAgent, type TempAgent } from "../support/temp-agent.ts";

const SINCE = "2026-11-20T11:00:00.000Z";
const EARLIER = "2026-11-20T10:00:00.000Z";

/** What a daemon that lives (it is this process) says of itself. */
async function say(agent: TempAgent, name: string, fields: Partial<DaemonStatus> = {}): Promise<void> {
  const self = await identify(process.pid);
  const status = { version: 1, name, ...self, since: SINCE, state: "up", release: "1", concerns: {}, ...fields };
  await writeFile(agent.paths.status(name), JSON.stringify(status));
}

async function supervise(
  agent: TempAgent,
  programs: Record<string, Partial<ProgramStatus>>,
  fields: Partial<SupervisorStatus> = {},
): Promise<void> {
  const held = Object.entries(programs).map(([name, program]) => {
    return [
      name,
      { state: "running", process: null, since: EARLIER, restarts: 0, adopted: false, ...program },
    ] as const;
  });
  const all = { mode: "background", programs: Object.fromEntries(held), ...fields };
  await say(agent, "supervisor", all);
}

const nobody = { pid: null, since: null, restarts: 0 };

test("with everything down, that is what is told, and the address", async () => {
  await using agent = await tempAgent();
  const status = await readSuiteStatus(agent.paths);
  expect(SuiteStatus.parse(status)).toEqual({
    running: false,
    supervisor: null,
    url: `http://127.0.0.1:${agent.port}`,
    daemons: {
      gateway: { ...nobody, state: "down", complains: true },
      scheduler: { ...nobody, state: "down", complains: true },
      telegram: { ...nobody, state: "off", complains: false },
      dispatch: { ...nobody, state: "off", complains: false },
      updater: { ...nobody, state: "off", complains: false },
    },
  });
});

test("a daemon that lives speaks for itself; its supervisor knows how often it was started", async () => {
  await using agent = await tempAgent();
  await say(agent, "scheduler", { detail: "paused", concerns: { jobs: "1 entry is not valid", sessionsRunning: "2" } });
  await say(agent, "gateway", { state: "starting" });
  await supervise(agent, { scheduler: { restarts: 4 } });
  const status = await readSuiteStatus(agent.paths);
  expect([status.running, status.supervisor]).toEqual([true, "background"]);
  const living = { pid: process.pid, since: SINCE };
  const detail = "paused; jobs: 1 entry is not valid";
  expect(status.daemons.scheduler).toEqual({ ...living, state: "up", restarts: 4, complains: true, detail });
  expect(status.daemons.gateway).toEqual({ ...living, state: "starting", restarts: 0, complains: false });
});

test.each([
  ["starting", "starting"],
  ["running", "starting"],
  ["restarting", "starting"],
  ["resting", "failed"],
  ["failed", "failed"],
  ["stopped", "down"],
] as const)("of a daemon that does not speak, a supervisor's “%s” means “%s”", async (state, view) => {
  await using agent = await tempAgent();
  await supervise(agent, { scheduler: { state, restarts: 2, detail: "left with 78" } });
  const { daemons } = await readSuiteStatus(agent.paths);
  const told = { pid: null, since: EARLIER, restarts: 2, detail: "left with 78", complains: true };
  expect(daemons.scheduler).toEqual({ ...told, state: view });
});

test("what the dead said counts no more", async () => {
  await using agent = await tempAgent();
  const dead = { startTime: "1" };
  await say(agent, "scheduler", dead);
  await supervise(agent, { gateway: { state: "running" } }, dead);
  const status = await readSuiteStatus(agent.paths);
  expect(status.supervisor).toBeNull();
  expect(status.daemons.scheduler.state).toBe("down");
  expect(status.daemons.gateway.state).toBe("down");
});

test.each(["", "{", "[]", '{"version": 9}'])("a damaged status file (%j) is as good as none", async (text) => {
  await using agent = await tempAgent();
  await writeFile(agent.paths.status("scheduler"), text);
  await writeFile(agent.paths.status("supervisor"), text);
  expect((await readSuiteStatus(agent.paths)).daemons.scheduler.state).toBe("down");
});

test("without a config.json that can be read there is no address, and all else is told", async () => {
  await using agent = await tempAgent();
  await say(agent, "scheduler");
  await writeFile(agent.paths.config, "{");
  expect(await readSuiteStatus(agent.paths)).toMatchObject({ url: null, daemons: { scheduler: { state: "up" } } });
});

test.each([
  ["127.0.0.1", "http://127.0.0.1:4040"],
  ["0.0.0.0", "http://127.0.0.1:4040"],
  ["::", "http://[::1]:4040"],
  ["fe80::1", "http://[fe80::1]:4040"],
  ["agent.lan", "http://agent.lan:4040"],
])("who listens on %s is reached at %s", (host, url) => {
  expect(urlOf({ host, port: 4040 })).toBe(url);
});
