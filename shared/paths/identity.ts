import { readFile, realpath } from "node:fs/promises";
import { z } from "zod";
import { InstarError, systemCode } from "../errors.ts";
import { agentId, type AgentPaths } from "../paths.ts";

/** .instar/agent.json, written once by `instar init`. */
export const AgentFile = z.object({ version: z.literal(1), id: z.string().min(1).max(100), dir: z.string() });
export type AgentFile = z.output<typeof AgentFile>;

/**
 * The id that names this agent's run folder and units. A folder that was copied or moved still holds the id of where it
 * was: CONFIG_INVALID, since two agents under one id would share their sockets.
 */
export async function agentIdOf(paths: AgentPaths): Promise<string> {
  const dir = await realpath(paths.dir).catch((cause: unknown) => {
    if (systemCode(cause) !== "ENOENT") throw cause;
    throw new InstarError("NO_AGENT", `there is no folder ${paths.dir}`, { cause });
  });
  const text = await readFile(paths.agent, "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  });
  if (text === null) return agentId(dir);
  const file = parse(text);
  const hint = `run \`instar init\` in ${dir}: it gives this folder an id of its own`;
  if (!file) throw new InstarError("CONFIG_INVALID", `${paths.agent} is damaged`, { hint });
  if (file.dir === dir) return file.id;
  throw new InstarError("CONFIG_INVALID", `this agent was copied or moved here from ${file.dir}`, { hint });
}

function parse(text: string): AgentFile | null {
  try {
    return AgentFile.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
