import { randomBytes } from "node:crypto";
import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { loadConfig } from "../../shared/config.ts";
import { InstarError, isInstarError, systemCode } from "../../shared/errors.ts";
import {
  AgentFile,
  agentId,
  agentIdOf,
  agentPaths,
  type AgentPaths,
  exists,
  makePrivate,
  PACKAGE_ROOT,
} from "../../shared/paths.ts";
import { makeFolder, replaceFile, writeError, writeTemporary } from "../../shared/store.ts";
import { freePort } from "./port.ts";

export interface NewAgent {
  readonly dir: string;
  readonly name: string;
  /** Null: a free one. */
  readonly port: number | null;
}

export interface InitReport {
  readonly dir: string;
  readonly id: string;
  readonly projectName: string;
  readonly port: number;
  /** Paths in the agent's folder. */
  readonly created: readonly string[];
  readonly kept: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Makes an agent, or adds what an agent lacks; no file that exists is written over. Throws CONFIG_INVALID for an existing config.json
 * that is not valid.
 */
export async function makeAgent({ dir, name, port }: NewAgent): Promise<InitReport> {
  const paths = agentPaths(await realFolder(dir));
  const before = (await exists(paths.config)) ? await loadConfig(paths) : null;
  await makeFolder(paths.instar);
  await makeFolder(paths.secrets);
  const created: string[] = [];
  const kept: string[] = [];
  const write = async (file: string, text: string): Promise<void> => {
    const isNew = await createFile(paths.instar, file, text);
    (isNew ? created : kept).push(join(".instar", file));
  };
  const { id, isCopy } = await fixId(paths, name);
  (isCopy === null ? kept : created).push(".instar/agent.json");
  for (const file of ["AGENT.md", "USER.md", "MEMORY.md"])
    await write(file, (await template(`identity/${file}`)).replaceAll("{{name}}", name));
  await write(".gitignore", await template("agent/gitignore"));
  await write("jobs.json", "[]\n");
  // The last: an agent is a folder with a config.json, and now it has all else.
  if (before) kept.push(".instar/config.json");
  else await write("config.json", configText(name, port ?? (await freePort())));
  const warnings = await makePrivate(paths);
  if (isCopy === true)
    warnings.push(`${paths.dir} was a copy: it has an id of its own now, and its port is the original's`);
  const { projectName, port: used } = before ?? (await loadConfig(paths));
  if (port !== null && port !== used)
    warnings.push(`the port stays ${used}; change it: instar config set port ${port}`);
  return { dir: paths.dir, id, projectName, port: used, created, kept, warnings };
}

async function realFolder(dir: string): Promise<string> {
  try {
    await makeAgentFolder(dir);
    return await realpath(dir);
  } catch (error) {
    throw writeError(error, dir);
  }
}

/** Node's own `recursive` never ends in a folder that exists and takes no others, such as /proc. */
async function makeAgentFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || (await exists(dirname(path)))) throw error;
    await makeAgentFolder(dirname(path));
    await makeAgentFolder(path);
  }
}

function configText(projectName: string, port: number): string {
  const token = randomBytes(32).toString("base64url");
  return `${JSON.stringify({ version: 1, projectName, port, auth: { token } }, null, 2)}\n`;
}

async function createFile(folder: string, name: string, text: string): Promise<boolean> {
  const path = join(folder, name);
  if (await exists(path)) return false;
  await using temporary = await writeTemporary(folder, name, text);
  return await temporary.linkTo(path);
}

/** `isCopy` is null when the id was fixed before; true when the folder held another folder's id. */
async function fixId(paths: AgentPaths, name: string): Promise<{ id: string; isCopy: boolean | null }> {
  const hasFile = await exists(paths.agent);
  const known = hasFile ? await idOrNull(paths) : null;
  if (known !== null) return { id: known, isCopy: null };
  const file: AgentFile = { version: 1, id: agentId(paths.dir, name), dir: paths.dir };
  await replaceFile(paths.agent, `${JSON.stringify(file, null, 2)}\n`);
  return { id: file.id, isCopy: hasFile };
}

async function idOrNull(paths: AgentPaths): Promise<string | null> {
  try {
    return await agentIdOf(paths);
  } catch (error) {
    if (isInstarError(error) && error.code === "CONFIG_INVALID") return null;
    throw error;
  }
}

async function template(name: string): Promise<string> {
  try {
    return await readFile(join(PACKAGE_ROOT, "templates", name), "utf8");
  } catch (error) {
    throw new InstarError("FAILED", `this installation lacks templates/${name}`, { cause: error });
  }
}
