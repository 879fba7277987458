import type { Command } from "commander";
import { type Frame, type JsonOption, jsonOption } from "../frame.ts";
import { wholeNumber } from "../options.ts";
import type { SlotsOfJob } from "../slots.ts";
import { localTime, plain, table } from "../text.ts";

interface Options extends JsonOption {
  readonly limit: number;
  readonly next: number;
}

export function define(command: Command, frame: Frame): void {
  command
    .argument("<slug>", "the job")
    .option("--limit <number>", "so many past slots", wholeNumber("--limit", 0, 10_000), 10)
    .option("--next <number>", "so many that come", wholeNumber("--next", 0, 1000), 5)
    .addOption(jsonOption())
    .action(async (slug: string, options: Options) => {
      const paths = await frame.agent();
      const { knownJob } = await import("../known-job.ts");
      await knownJob(paths, slug);
      const { readSlots } = await import("../slots.ts");
      const slots = await readSlots(paths, slug, { limit: options.limit, next: options.next, nowMs: Date.now() });
      frame.print(slots, options, () => {
        const rows = [
          ...slots.next.toReversed().map((slot) => [localTime(slot), "due", ""]),
          ...slots.open.map(({ slot, attempt, trigger, retryAt }) => [
            localTime(slot),
            frame.paint("cyan", "open"),
            retryAt === undefined
              ? `attempt ${attempt}, ${trigger}`
              : `attempt ${attempt + 1} at ${localTime(retryAt)}`,
          ]),
          ...slots.past.map((entry) =>
            "dueAt" in entry
              ? [localTime(entry.dueAt), entry.outcome ?? "open", plain(entry.reason ?? "")]
              : [
                  localTime(entry.to),
                  "missed",
                  `${entry.count} since ${localTime(entry.from)}: ${plain(entry.reason)}`,
                ],
          ),
        ];
        const seen = slots.watermark === null ? "never looked at" : `looked at up to ${localTime(slots.watermark)}`;
        return `${slug}: ${standing(slots)}, ${seen}\n${table(["SLOT", "STATE", ""], rows)}`;
      });
    });
}

function standing({ schedule, standing: stands }: SlotsOfJob): string {
  if (schedule !== null) return `${schedule}; ${stands}`;
  return stands === "invalid" ? "not run: `instar job list` says what is wrong with it" : "in jobs.json no more";
}
