import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { askLeftovers, endLeftovers, leftoversOf } from "../../../daemons/scheduler/leftovers.ts";
import { until } from "../../support/until.ts";

const AGENT = `/no/such/agent-${process.pid}`;
const RUN = { runId: "job@20260101T000000.000Z.1", agentDir: AGENT };

/** A process in a session of its own; it is there once its environment is. */
async function sleeper(runId: string, agentDir: string): Promise<ChildProcess> {
  const env = { PATH: process.env["PATH"], INSTAR_RUN_ID: runId, INSTAR_AGENT_DIR: agentDir };
  const child = spawn("sleep", ["300"], { env, detached: true, stdio: "ignore" });
  await until(async () => (await leftoversOf({ runId, agentDir })).includes(child.pid ?? 0));
  return child;
}

test("what names the run is ended; what names another run or another agent is not", async () => {
  const ours = [await sleeper(RUN.runId, AGENT), await sleeper(RUN.runId, AGENT)];
  const others = [await sleeper(`${RUN.runId}2`, AGENT), await sleeper(RUN.runId, `${AGENT}-2`)];
  try {
    expect(await leftoversOf(RUN)).toHaveLength(2);
    const ends = ours.map((child) => once(child, "exit"));
    await endLeftovers(RUN.runId, AGENT);
    expect((await Promise.all(ends)).map(([, signal]) => signal as string)).toEqual(["SIGKILL", "SIGKILL"]);
    expect(others.map(({ exitCode, signalCode }) => exitCode ?? signalCode)).toEqual([null, null]);
  } finally {
    for (const child of [...ours, ...others]) child.kill("SIGKILL");
  }
});

test("what is in the run's group was asked already", async () => {
  const [inside, outside] = [await sleeper(RUN.runId, AGENT), await sleeper(RUN.runId, AGENT)];
  try {
    const end = once(outside, "exit");
    await askLeftovers({ ...RUN, group: inside.pid ?? 0 });
    expect(await end).toEqual([null, "SIGTERM"]);
    expect(inside.exitCode ?? inside.signalCode).toBeNull();
  } finally {
    for (const child of [inside, outside]) child.kill("SIGKILL");
  }
});

test("without leftovers nothing happens", async () => {
  expect(await leftoversOf({ ...RUN, runId: "none" })).toEqual([]);
  await endLeftovers("none", AGENT);
});
