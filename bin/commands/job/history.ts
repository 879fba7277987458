import type { Command } from "commander";
import type { HistoryEntry } from "../../../shared/slots.ts";
import { type Frame, type JsonOption, jsonOption } from "../../frame.ts";
import { knownJob } from "../../known-job.ts";
import { wholeNumber } from "../../options.ts";
import { duration, localTime, plain, table } from "../../text.ts";

interface Options extends JsonOption {
  readonly limit: number;
}

export function define(command: Command, frame: Frame): void {
  command
    .argument("<slug>", "the job; one that was removed still has its history")
    .option("--limit <number>", "so many slots", wholeNumber("--limit", 1, 10_000), 20)
    .addOption(jsonOption())
    .action(async (slug: string, options: Options) => {
      const paths = await frame.agent();
      const { readHistory } = await import("../../../shared/slots.ts");
      await knownJob(paths, slug);
      const entries = await readHistory(paths, slug, options);
      frame.print(entries, options, () => historyTable(frame, slug, entries));
    });
}

function historyTable(frame: Frame, slug: string, entries: readonly HistoryEntry[]): string {
  if (entries.length === 0) return `${slug} was not due yet`;
  const rows = entries.map((entry) => {
    if (!("dueAt" in entry)) return [localTime(entry.to), paintOutcome(frame, "missed"), "-", "-", missed(entry)];
    const { dueAt, outcome, attempts, startedAt, endedAt, reason } = entry;
    const took = startedAt && endedAt ? duration(Date.parse(endedAt) - Date.parse(startedAt)) : "-";
    return [localTime(dueAt), paintOutcome(frame, outcome), String(attempts.length), took, plain(reason ?? "")];
  });
  return table(["DUE", "OUTCOME", "ATTEMPTS", "TOOK", "REASON"], rows);
}

function missed({ from, count, reason }: { from: string; count: number; reason: string }): string {
  return `${count} since ${localTime(from)}: ${plain(reason)}`;
}

function paintOutcome(frame: Frame, outcome: string | null): string {
  if (outcome === null) return frame.paint("cyan", "goes on");
  if (outcome === "success") return frame.paint("green", outcome);
  return frame.paint(outcome === "skipped" || outcome === "missed" ? "yellow" : "red", outcome);
}
