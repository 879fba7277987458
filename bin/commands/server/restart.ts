import type { Command } from "commander";
import { readSuiteStatus } from "../../../shared/agent-status.ts";
import { loadConfig } from "../../../shared/config.ts";
import { EXIT } from "../../../shared/errors.ts";
import { ownSupervisor } from "../../../shared/supervisor.ts";
import { type Frame, type JsonOption, jsonOption } from "../../frame.ts";
import { suiteJson, suiteText } from "../../suite-text.ts";

export function define(command: Command, frame: Frame): void {
  command.addOption(jsonOption()).action(async (options: JsonOption) => {
    const paths = await frame.agent();
    // What runs on a good config is not stopped for a broken one.
    await loadConfig(paths);
    await ownSupervisor(paths).restart();
    const status = await readSuiteStatus(paths);
    frame.print(suiteJson(status), options, () => suiteText(status, frame, Date.now()));
    if (Object.values(status.daemons).some(({ state }) => state === "failed")) frame.leave(EXIT.failure);
  });
}
