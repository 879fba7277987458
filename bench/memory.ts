import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { readStatus } from "../shared/lifecycle.ts";
import { startInstar } from "../tests/support/cli.ts";
import { tempAgent } from "../tests/support/temp-agent.ts";
import { until } from "../tests/support/until.ts";
import type { Ratio } from "./sample.ts";

/** As long as a suite is left alone before it counts as idle, and as long as its idleness is watched. */
const SETTLE_MS = 10_000;
const WATCH_MS = 20_000;
/** USER_HZ of time(7). */
const TICKS_PER_S = 100;

/** The idle suite, its supervisor included, over as many Node processes that do nothing; its use of the processor. */
export async function measureMemory(): Promise<Ratio[]> {
  await using agent = await tempAgent();
  const suite = startInstar(["up", "--dir", agent.dir], { env: agent.env });
  const daemons = await Promise.all(
    ["scheduler", "gateway"].map((name) =>
      until(async () => {
        const status = await readStatus(agent.paths, name);
        return status?.state === "up" && status.pid;
      }),
    ),
  );
  const pids = [suite.pid, ...daemons];
  await wait(SETTLE_MS);
  const ours = await pssOf(pids);
  const before = await ticksOf(pids);
  await wait(WATCH_MS);
  const cpu = ((await ticksOf(pids)) - before) / TICKS_PER_S / (WATCH_MS / 1000);
  suite.signal("SIGINT");
  await suite.exitCode;
  return [
    {
      what: `idle suite: PSS of ${pids.length} processes`,
      ours,
      over: "as many bare Node processes",
      floor: await pssOfBare(pids.length),
      unit: "MiB",
      goal: "≤ 110 MiB",
    },
    {
      what: "idle suite: processor",
      ours: cpu * 100,
      over: "one core",
      floor: 100,
      unit: "% of a core",
      goal: "≤ 0.2 %",
    },
  ];
}

/** Apart from the suite: the program's own pages are shared by all who run it. */
async function pssOfBare(count: number): Promise<number> {
  const bare = Array.from({ length: count }, () =>
    spawn(process.execPath, ["-e", "setInterval(() => {}, 60_000)"], { stdio: "ignore" }),
  );
  try {
    await wait(SETTLE_MS);
    return await pssOf(bare.map(({ pid }) => pid ?? 0));
  } finally {
    for (const child of bare) child.kill();
  }
}

/** Memory with what is shared counted in shares, MiB. */
async function pssOf(pids: readonly number[]): Promise<number> {
  let kib = 0;
  for (const pid of pids)
    kib += Number(/^Pss:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? Number.NaN);
  return kib / 1024;
}

async function ticksOf(pids: readonly number[]): Promise<number> {
  let ticks = 0;
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks;
}
