import type { Command } from "commander";
import { ownSupervisor } from "../../../shared/supervisor.ts";
import { type Frame, type JsonOption, jsonOption } from "../../frame.ts";

export function define(command: Command, frame: Frame): void {
  command.addOption(jsonOption()).action(async (options: JsonOption) => {
    const stopped = await ownSupervisor(await frame.agent()).stop();
    const { ended, runsKept } = stopped;
    frame.print(stopped, options, () => {
      const runs =
        runsKept === 0 ? "no runs were under way" : `${runsKept} ${runsKept === 1 ? "run goes" : "runs go"} on`;
      return `${ended.length === 0 ? "nothing was running" : `stopped ${ended.join(", ")}`}; ${runs}`;
    });
  });
}
