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
    // The daemons would refuse it one by one.
    await loadConfig(paths);
    const { isNew, status: supervisor } = await ownSupervisor(paths).start();
    const status = await readSuiteStatus(paths);
    if (!isNew) frame.note(`it runs already, pid ${supervisor.pid} since ${supervisor.since}`);
    frame.print(suiteJson(status), options, () => suiteText(status, frame, Date.now()));
    if (Object.values(status.daemons).some(({ state }) => state === "failed")) frame.leave(EXIT.failure);
  });
}
