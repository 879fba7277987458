import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { ageMs, hasProcess, identify, isAlive } from "../../shared/proc.ts";
import { until } from "../support/until.ts";

test("a process is the one that it was, not the next that is given its pid", async () => {
  const self = await identify(process.pid);
  if (!self) throw new Error("no identity of this process");
  expect(await isAlive(self)).toBe(true);
  expect(await isAlive({ ...self, startTime: `${self.startTime}0` })).toBe(false);
  expect(await isAlive({ ...self, bootId: "another boot" })).toBe(false);
  expect(hasProcess(process.pid)).toBe(true);
});

test("one that has ended is none, for the cheap look and for the sure one", async () => {
  const child = spawn("sleep", ["300"], { stdio: "ignore" });
  await once(child, "spawn");
  const identity = await identify(child.pid ?? 0);
  if (!identity) throw new Error("no identity of a child");
  expect([await isAlive(identity), hasProcess(identity.pid)]).toEqual([true, true]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect([await isAlive(identity), hasProcess(identity.pid)]).toEqual([false, false]);
  expect(await identify(identity.pid)).toBeNull();
});

test("a zombie is none, though it has its pid", async () => {
  // The shell becomes one that never asks how its child ended.
  const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 300"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const [said] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(said.toString());
    await until(async () => (await identify(pid)) === null);
    expect(hasProcess(pid)).toBe(true);
  } finally {
    parent.kill("SIGKILL");
  }
});

test("a process grows older, whatever the wall clock shows", async (context) => {
  const self = await identify(process.pid);
  const first = self && (await ageMs(self));
  if (!self || first === null) return context.skip("the age of a process is told on Linux alone");
  expect(await until(async () => ((await ageMs(self)) ?? 0) > first)).toBe(true);
});
