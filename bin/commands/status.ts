import type { Command } from "commander";
import { EXIT } from "../../shared/errors.ts";
import { readSuiteStatus } from "../../shared/agent-status.ts";
import { type Frame, type JsonOption, jsonOption } from "../frame.ts";
import { suiteJson, suiteText } from "../suite-text.ts";

export function define(command: Command, frame: Frame): void {
  command.addOption(jsonOption()).action(async (options: JsonOption) => {
    const status = await readSuiteStatus(await frame.agent());
    frame.print(suiteJson(status), options, () => suiteText(status, frame, Date.now()));
    if (!status.running) frame.leave(EXIT.unavailable);
  });
}
