import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { namesIn } from "../paths.ts";
import { claudeFolder } from "./environment.ts";
import { ApiUsage, type Bill, fromApi, ModelUsage, parseLine, sumOfModels, sumUsage, type Usage } from "./result.ts";

const Answer = z.object({ type: z.literal("assistant"), message: z.object({ id: z.string(), usage: ApiUsage }) });
const CostState = z.object({
  type: z.literal("cost-state"),
  totalCostUSD: z.number().nullable().catch(null),
  modelUsage: ModelUsage,
});

/** A session that a Claude Code run left on disk. */
export interface RunSession {
  readonly sessionId: string;
  /** The run's environment, which says where transcripts lie. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * What a run spent by its transcript, for runs that came to say no result; null when it left none. The last `cost-state`
 * line is the whole bill. Answers after it, or of a run that was killed without one, are added up, each message id once
 * (the CLI writes one line a content block, each with the answer's full usage), those of sub-agents too.
 */
export async function readTranscriptBill(session: RunSession): Promise<Bill | null> {
  const path = await findTranscript(session);
  if (path === null) return null;
  const main = await readTranscript(path);
  if (main.billed && main.since.size === 0) return { usage: main.billed.usage, costUsd: main.billed.costUsd };
  // A bill holds the sub-agents' answers already.
  const others = main.billed ? [main.billed.usage] : await readSubagents(path.slice(0, -".jsonl".length));
  return { usage: sumUsage([...others, ...main.since.values()]), costUsd: null };
}

/** By the session's name, which is unique: the CLI shortens folder names of long paths in a way of its own. */
async function findTranscript({ sessionId, env }: RunSession): Promise<string | null> {
  const projects = join(claudeFolder(env), "projects");
  const name = `${sessionId}.jsonl`;
  for (const folder of await namesIn(projects, { orFile: true }))
    if ((await namesIn(join(projects, folder), { orFile: true })).includes(name)) return join(projects, folder, name);
  return null;
}

async function readSubagents(folder: string): Promise<Usage[]> {
  const agents = join(folder, "subagents");
  const usages: Usage[] = [];
  for (const name of await namesIn(agents, { orFile: true }))
    if (name.endsWith(".jsonl")) usages.push(...(await readTranscript(join(agents, name))).since.values());
  return usages;
}

/** The last bill, and the answers after it by message id. */
async function readTranscript(path: string): Promise<{ billed: Bill | null; since: ReadonlyMap<string, Usage> }> {
  let billed: Bill | null = null;
  const since = new Map<string, Usage>();
  const seen = new Set<string>();
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    // Most lines are prompts and results of tools, up to megabytes each, and say nothing of cost.
    if (!line.includes('"usage"') && !line.includes('"cost-state"')) continue;
    const value = parseLine(line);
    const bill = CostState.safeParse(value).data;
    if (bill) {
      billed = { usage: sumOfModels(bill.modelUsage) ?? sumUsage([]), costUsd: bill.totalCostUSD };
      for (const id of since.keys()) seen.add(id);
      since.clear();
      continue;
    }
    const answer = Answer.safeParse(value).data?.message;
    if (answer && !seen.has(answer.id)) since.set(answer.id, fromApi(answer.usage));
  }
  return { billed, since };
}
