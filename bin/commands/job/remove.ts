import type { Command } from "commander";
import type { Frame } from "../../frame.ts";

export function define(command: Command, frame: Frame): void {
  command.argument("<slug>", "the job").action(async (slug: string) => {
    const { removeJob } = await import("../../../shared/jobs.ts");
    await removeJob(await frame.agent(), slug);
    frame.say(`removed ${slug}; its history stays: instar job history ${slug}`);
  });
}
