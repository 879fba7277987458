import type { Command } from "commander";
import { type Frame, type JsonOption, jsonOption } from "../../frame.ts";

export function define(command: Command, frame: Frame): void {
  command
    .argument("[key]", "such as scheduler.timezone; without it, all of them, defaults included")
    .addOption(jsonOption())
    .action(async (key: string | undefined, options: JsonOption) => {
      const paths = await frame.agent();
      const { loadConfig } = await import("../../../shared/config.ts");
      const { settingOf, withoutSecrets } = await import("../../settings.ts");
      const config = await loadConfig(paths);
      const value = key === undefined ? withoutSecrets(config) : settingOf(config, key);
      frame.print(value, options, () => (typeof value === "string" ? value : JSON.stringify(value, null, 2)));
    });
}
