import { describeError, isInstarError } from "../../shared/errors.ts";
import { agentIdOf, type AgentPaths, ensureRun, exists, readRun } from "../../shared/paths.ts";
import { type Check, fault, type Finding, ok } from "./check.ts";

export const runFolderCheck: Check = {
  name: "run folder",
  async examine({ paths }) {
    if (paths === null) return [];
    try {
      await agentIdOf(paths);
      const folder = await readRun(paths);
      if (folder === null) return [ok(`${paths.run} is made when the suite starts`)];
      if (await exists(folder)) return [ok(folder)];
      return [dangling(paths, folder)];
    } catch (error) {
      if (isInstarError(error)) return [fault(describeError(error), error.hint)];
      throw error;
    }
  },
};

function dangling(paths: AgentPaths, folder: string): Finding {
  return {
    ...fault(`${paths.run} leads to ${folder}, which is not there`, "start the suite, or: instar doctor --fix"),
    fix: async () => `made ${await ensureRun(paths)}`,
  };
}
