import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { EXIT } from "../shared/errors.ts";
import { DIST } from "../tests/support/dist.ts";
import { tempAgent, type TempAgent } from "../tests/support/temp-agent.ts";
import { startTmux } from "../tests/support/tmux.ts";
import { type Act, compare, median, type Ratio, timed } from "./sample.ts";

const ROUNDS = 15;
const run = promisify(execFile);

/** What one waits for: commands, and daemons until they say that they are up. */
export async function measureStarts(): Promise<Ratio[]> {
  await using agent = await tempAgent({ jobs: JOBS });
  await startTmux(agent);
  const ratios: Ratio[] = [];
  const measure = async (what: string, ours: Act, goal: string): Promise<void> => {
    const taken = await compare(ours, bareNode, ROUNDS);
    const floor = median(taken.floor);
    ratios.push({ what, ours: median(taken.ours), over: "node -e 0", floor, unit: "ms", goal });
  };
  await measure("instar --version", () => command("--version"), "≤ 60 ms");
  await measure("instar status", () => command("status", "--json", "--dir", agent.dir), "≤ 120 ms");
  await measure("instar job list", () => command("job", "list", "--dir", agent.dir), "≤ 150 ms");
  await measure("scheduler: started → up", () => startDaemon(agent, "scheduler"), "≤ 300 ms");
  await measure("gateway: started → up", () => startDaemon(agent, "gateway"), "≤ 300 ms");
  return ratios;
}

const JOBS = Array.from({ length: 10 }, (_, index) => ({
  slug: `job-${index}`,
  name: `Job ${index}`,
  schedule: "0 3 * * *",
  execute: { type: "script", value: "true" },
}));

const bareNode: Act = () => timed(() => run(process.execPath, ["-e", "0"]));

/** The program itself, without the shell script that looks for a Node. `status` says in its exit code that nothing runs. */
function command(...words: string[]): Promise<number> {
  const program = join(DIST, "bin/instar.js");
  return timed(() =>
    run(process.execPath, [program, ...words]).catch((error: { code?: unknown }) => {
      if (words[0] !== "status" || error.code !== EXIT.unavailable) throw error;
    }),
  );
}

async function startDaemon(agent: TempAgent, name: string): Promise<number> {
  const startedMs = performance.now();
  const daemon = await agent.start(name);
  await daemon.ready;
  const tookMs = performance.now() - startedMs;
  await daemon.stop();
  return tookMs;
}
