import type { Command } from "commander";
import type { Frame } from "../../frame.ts";

export function define(command: Command, frame: Frame): void {
  command
    .argument("<key>", "such as scheduler.timezone")
    .argument("<value>", "JSON, or a text; what does not fit there is refused")
    .action(async (key: string, text: string) => {
      const paths = await frame.agent();
      const { setSetting, withoutSecrets } = await import("../../settings.ts");
      const value = withoutSecrets(await setSetting(paths, key, text), key.split(".").at(-1));
      frame.say(`${key} is now ${JSON.stringify(value)}`);
    });
}
