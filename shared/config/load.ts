import { InstarError, systemCode } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";
import { faultsOf, parseWith } from "./explain.ts";
import { parseJson } from "./json.ts";
import { readOthersFile } from "./read.ts";
import { Config } from "./schema.ts";

/**
 * Reads and checks the agent's config.json. Throws CONFIG_MISSING, or CONFIG_INVALID whose message names the key and whose
 * hint names the file.
 */
export async function loadConfig(paths: Pick<AgentPaths, "config">): Promise<Config> {
  return parseConfig(await readConfigText(paths), paths);
}

/** The text of config.json as it stands. */
export async function readConfigText(paths: Pick<AgentPaths, "config">): Promise<string> {
  try {
    return await readOthersFile(paths.config);
  } catch (error) {
    if (systemCode(error) === "ENOENT")
      throw new InstarError("CONFIG_MISSING", `${paths.config} does not exist`, {
        hint: "make an agent here: instar init",
      });
    throw new InstarError("CONFIG_INVALID", `cannot read ${paths.config}`, { cause: error });
  }
}

/** What `text` says as a config.json. Throws CONFIG_INVALID. */
export function parseConfig(text: string, paths: Pick<AgentPaths, "config">): Config {
  return parseWith(Config, parseConfigJson(text, paths), "config", { hint: curing(paths) });
}

/** Every fault of a config.json as a sentence; none when it is right. Throws CONFIG_INVALID for text that is no JSON. */
export function configFaults(text: string, paths: Pick<AgentPaths, "config">): readonly string[] {
  const faults = faultsOf(Config, parseConfigJson(text, paths), "config");
  return Array.isArray(faults) ? faults : [];
}

function parseConfigJson(text: string, paths: Pick<AgentPaths, "config">): unknown {
  return parseJson(text, paths.config, { hint: curing(paths) });
}

function curing(paths: Pick<AgentPaths, "config">): string {
  return `correct ${paths.config}, then: instar config check`;
}
