import type { Command } from "commander";
import { EXIT } from "../../../shared/errors.ts";
import { type Frame, type JsonOption, jsonOption } from "../../frame.ts";

export function define(command: Command, frame: Frame): void {
  command.addOption(jsonOption()).action(async (options: JsonOption) => {
    const paths = await frame.agent();
    const { readConfigText } = await import("../../../shared/config.ts");
    const { checkConfig } = await import("../../settings.ts");
    const faults = await checkConfig(paths, await readConfigText(paths));
    frame.print({ valid: faults.length === 0, faults }, options, () =>
      faults.length === 0 ? `${paths.config} is right` : faults.join("\n"),
    );
    if (faults.length > 0) frame.leave(EXIT.config);
  });
}
