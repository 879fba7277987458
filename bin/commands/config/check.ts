import type { Command } from "commander";
import { EXIT } from "../../../shared/errors.ts";
import { type Frame, type JsonOption, jsonOption } from "../../frame.ts";

export function define(command: Command, frame: Frame): void {
  command.addOption(jsonOption()).action(async (options: JsonOption) => {
    const paths = await frame.agent();
    const { readConfigText } = await import("../../../shared/config.ts");
    const { checkConfig, unusedIn } = await import("../../settings.ts");
    const text = await readConfigText(paths);
    const faults = await checkConfig(paths, text);
    const unused = faults.length === 0 ? unusedIn(text, paths) : [];
    frame.print({ valid: faults.length === 0, faults, unused }, options, () =>
      faults.length === 0 ? `${paths.config} is right` : faults.join("\n"),
    );
    for (const key of unused) frame.note(`config.${key}: nothing of this release goes by it`);
    if (faults.length > 0) frame.leave(EXIT.config);
  });
}
