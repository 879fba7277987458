import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { systemClock } from "../../../shared/clock.ts";
import { InstarError } from "../../../shared/errors.ts";
import { createLog } from "../../../shared/log.ts";
import { type Keeper, keepUp, type Program } from "../../../shared/supervisor/keeper.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";
import { until } from "../../support/until.ts";

const log = createLog({ name: "test", level: "error", destination: 1 });

function keep(start: Program["start"], clock = systemClock): Keeper {
  const program: Program = { name: "program", find: async () => null, start, lastError: async () => null };
  return keepUp(program, {
    clock,
    log: { ...log, error: () => undefined, warn: () => undefined },
    onChange: async () => undefined,
  });
}

async function starting(words: readonly [string, ...string[]]): Promise<ChildProcess> {
  const [program, ...rest] = words;
  const child = spawn(program, rest, { stdio: "ignore" });
  await once(child, "spawn");
  return child;
}

function refusal(code: string): InstarError {
  return new InstarError("UNAVAILABLE", "cannot start it", { cause: Object.assign(new Error(code), { code }) });
}

test("a program that ended before anybody could look is started again", async () => {
  let starts = 0;
  const keeper = keep(async () => {
    starts += 1;
    const child = await starting(starts < 3 ? ["true"] : ["sleep", "300"]);
    if (starts < 3) await once(child, "exit");
    return child;
  });
  await until(() => starts === 3 && keeper.status().state === "running");
  await keeper.end(1000);
  expect(keeper.status()).toMatchObject({ state: "stopped", process: null, restarts: 2 });
});

test("while the machine is short of something a start is tried again soon, and then less and less", async () => {
  const clock = createFakeClock();
  let starts = 0;
  const keeper = keep(async () => {
    starts += 1;
    throw refusal("EAGAIN");
  }, clock);
  await passes(clock, () => starts === 2);
  expect(keeper.status()).toMatchObject({ state: "restarting", detail: expect.stringContaining("EAGAIN") });
  await passes(clock, () => keeper.status().state === "failed");
  expect(starts).toBe(30);
  await clock.advance(5 * 60_000);
  await until(() => starts > 30);
  await keeper.leave();
});

test("a program that is missing is told at once, and looked for again after a while", async () => {
  const clock = createFakeClock();
  let starts = 0;
  const keeper = keep(async () => {
    starts += 1;
    throw refusal("ENOENT");
  }, clock);
  await until(() => keeper.status().state === "failed");
  await clock.advance(4 * 60_000);
  expect(starts).toBe(1);
  await clock.advance(60_000);
  await until(() => starts === 2);
  await keeper.leave();
});

async function passes(clock: FakeClock, fact: () => boolean): Promise<void> {
  await until(async () => {
    await clock.advance(100);
    return fact();
  });
}
