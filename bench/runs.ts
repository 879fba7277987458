import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { agentPaths } from "../shared/paths.ts";
import { readWitness, runFolder } from "../shared/runs.ts";
import { tempAgent } from "../tests/support/temp-agent.ts";
import { startTmux } from "../tests/support/tmux.ts";
import { until } from "../tests/support/until.ts";
import { quantile, type Ratio } from "./sample.ts";

const RUNS = 40;
/** The first runs are of a scheduler that is still loading. */
const WARM_UP = 3;

/**
 * From the instant at which a job is due: to its process, the wrapper, that says it began; and to the first word of the
 * script inside it. Over the same word in a bare tmux session.
 */
export async function measureRuns(): Promise<Ratio[]> {
  const job = { slug: "due", name: "due", schedule: "@every 1s", overlap: "allow" };
  const value = 'echo "$(date +%s%3N) $INSTAR_SLOT" >> "$INSTAR_AGENT_DIR/late"';
  await using agent = await tempAgent({ jobs: [{ ...job, execute: { type: "script", value } }] });
  await startTmux(agent);
  await (
    await agent.start("scheduler")
  ).ready;
  const linesOf = async (name: string): Promise<string[]> =>
    (await readFile(join(agent.dir, name), "utf8").catch(() => "")).split("\n").filter(Boolean);
  await until(async () => (await linesOf("late")).length > RUNS + WARM_UP, { timeoutMs: 3 * RUNS * 1000 });
  const began: number[] = [];
  const spoke: number[] = [];
  for (const line of (await linesOf("late")).slice(WARM_UP)) {
    const [spokeAt, slot = ""] = line.split(" ");
    const { begun } = await readWitness(runFolder(agent.paths, { slug: job.slug, slot, attempt: 1 }));
    began.push((begun?.startedAt ?? Number.NaN) - Date.parse(slot));
    spoke.push(Number(spokeAt) - Date.parse(slot));
  }
  const bare = await bareSessions(agent.dir, linesOf);
  const ratio = (what: string, ours: readonly number[], share: number, goal?: string): Ratio => ({
    what: `due → ${what}, p${share * 100}`,
    ours: quantile(ours, share),
    over: "bare tmux new-session",
    floor: quantile(bare, share),
    unit: "ms",
    ...(goal && { goal }),
  });
  return [
    ratio("started", began, 0.5, "≤ 15 ms"),
    ratio("started", began, 0.99, "≤ 60 ms"),
    ratio("the script's first word", spoke, 0.5),
    ratio("the script's first word", spoke, 0.99),
  ];
}

async function bareSessions(dir: string, linesOf: (name: string) => Promise<string[]>): Promise<number[]> {
  const socket = join(agentPaths(dir).dir, "bare.sock");
  const tmux = (...words: string[]): Promise<unknown> => promisify(execFile)("tmux", ["-S", socket, ...words]);
  await tmux("-f", "/dev/null", "new-session", "-d", "-s", "held", "sleep 600");
  const taken: number[] = [];
  try {
    for (let run = 0; run < RUNS; run += 1) {
      const startedMs = Date.now();
      await tmux("new-session", "-d", `date +%s%3N >> ${dir}/bare`);
      const lines = await until(async () => {
        const found = await linesOf("bare");
        return found.length > run && found;
      });
      taken.push(Number(lines.at(-1)) - startedMs);
    }
  } finally {
    await tmux("kill-server");
  }
  return taken;
}
