import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readClaudeResult } from "../../shared/claude.ts";
import { systemCode } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { runFolder } from "../../shared/runs.ts";
import type { FinishedRecord, SlotRecord } from "../../shared/slots.ts";
import type { Screen } from "./screen.ts";

/** Shows a record of a slot journal, when it is one that a spectator wants to see. */
export async function tellRecord(screen: Screen, paths: AgentPaths, slug: string, record: SlotRecord): Promise<void> {
  if (record.type === "skipped") screen.happened(slug, `skipped: ${record.reason}`);
  if (record.type === "gap") screen.happened(slug, `${record.count} missed: ${record.reason}`);
  if (record.type !== "finished") return;
  const how = await describeEnd(paths, slug, record);
  screen.happened(slug, how, record.outcome === "success" ? "plain" : "bad");
}

async function describeEnd(paths: AgentPaths, slug: string, record: FinishedRecord): Promise<string> {
  const { outcome, startedAt, endedAt, usage, reason } = record;
  const lasted = startedAt === null ? "" : ` in ${seconds(Date.parse(endedAt) - Date.parse(startedAt))}`;
  if (outcome !== "success") return reason === undefined ? outcome : `${outcome}: ${reason}`;
  if (!usage) return `${outcome}${lasted}`;
  const said = await answerOf(runFolder(paths, { slug, slot: record.slot, attempt: record.attempt }));
  const tokens = usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheCreationTokens;
  return `${outcome}${lasted}, ${tokens.toLocaleString("en")} tokens; Claude Code says: ${said}`;
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(2)} s`;
}

/** The first line of what the CLI answered. */
async function answerOf(folder: string): Promise<string> {
  try {
    const result = readClaudeResult(await readFile(join(folder, "result.json"), "utf8"));
    return result?.result.trim().split("\n")[0] ?? "";
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    throw error;
  }
}
