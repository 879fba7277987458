import type { Command } from "commander";
import type { Frame } from "../../frame.ts";

export function define(command: Command, frame: Frame): void {
  command.argument("<slug>", "the job").action(async (slug: string) => {
    const { setJobEnabled } = await import("../../../shared/jobs.ts");
    const isChanged = await setJobEnabled(await frame.agent(), slug, true);
    frame.say(`${slug} is ${isChanged ? "now" : "already"} on`);
  });
}
