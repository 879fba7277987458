import type { Stats } from "node:fs";
import { chmod, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { type Check, fault, type Finding, ok } from "./check.ts";

export const privateFilesCheck: Check = {
  name: "files",
  async examine({ paths }) {
    if (paths === null) return [];
    const found: Finding[] = [];
    for (const path of await placesOf(paths)) found.push(...(await examinePath(path)));
    return found.length === 0 ? [ok(`${paths.instar} and what is in it is yours alone`)] : found;
  },
};

/** The folders that keep others out, and what lies in the open in them. */
async function placesOf(paths: AgentPaths): Promise<string[]> {
  const folders = [paths.instar, paths.secrets];
  const inside = await Promise.all(
    folders.map(async (folder) => (await namesIn(folder)).map((name) => join(folder, name))),
  );
  return [...new Set([...folders, ...inside.flat()])];
}

async function examinePath(path: string): Promise<Finding[]> {
  const found = await statOf(path);
  if (found === null || found.isSymbolicLink()) return [];
  const uid = process.getuid?.() ?? 0;
  if (found.uid !== uid) {
    const hint = `sudo chown -R ${uid} ${path}, or run as its owner`;
    return [fault(`${path} belongs to another user (uid ${found.uid})`, hint)];
  }
  if ((found.mode & 0o077) === 0) return [];
  const mode = found.isDirectory() ? 0o700 : 0o600;
  const says = `${path} can be read by other users of this machine (mode ${(found.mode & 0o777).toString(8)})`;
  const fix = async (): Promise<string> => {
    await chmod(path, mode);
    return `made ${path} private (mode ${mode.toString(8)})`;
  };
  return [{ ...fault(says, `chmod ${mode.toString(8)} ${path}, or: instar doctor --fix`), fix }];
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "EACCES") return [];
    throw error;
  }
}
