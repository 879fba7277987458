import type { Command } from "commander";
import { systemClock } from "../../../shared/clock.ts";
import { type Frame, type JsonOption, jsonOption } from "../../frame.ts";

export function define(command: Command, frame: Frame): void {
  command
    .argument("<slug>", "the job; one that is switched off runs too")
    .addOption(jsonOption())
    .action(async (slug: string, options: JsonOption) => {
      const paths = await frame.agent();
      const { triggerJob } = await import("../../../shared/triggers.ts");
      const answer = await triggerJob(paths, slug, { clock: systemClock });
      frame.print(answer, options, () => {
        const reason = answer.reason === undefined ? "" : `: ${answer.reason}`;
        return `${slug} ${answer.result}${reason}\nIts account: instar why ${slug}@${answer.slot}`;
      });
    });
}
