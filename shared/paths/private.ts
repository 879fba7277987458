import { chmod, lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { InstarError, systemCode } from "../errors.ts";
import { type AgentPaths, namesIn } from "../paths.ts";

/**
 * Makes an agent's files private (folders 0700, files 0600) where others could read them, and tells what it changed.
 * What belongs to somebody else is refused (CONFIG_INVALID): its owner could change it under us.
 */
export async function makePrivate(paths: AgentPaths): Promise<string[]> {
  const secrets = (await namesIn(paths.secrets)).map((name) => join(paths.secrets, name));
  const warnings: string[] = [];
  for (const path of [paths.instar, paths.secrets, paths.agent, paths.config, paths.jobs, paths.users, ...secrets]) {
    const changed = await closeToOthers(path);
    if (changed !== null) warnings.push(changed);
  }
  return warnings;
}

/** A folder of our own with mode 0700, made where it is missing. */
export async function ownFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
  const found = await lstat(path);
  // In a folder that everybody may write to, a link or a file could have been planted under our name.
  if (!found.isDirectory()) throw new InstarError("CONFIG_INVALID", `${path} is in the way: it is no folder`);
  await closeToOthers(path);
}

async function closeToOthers(path: string): Promise<string | null> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  });
  if (!found || found.isSymbolicLink()) return null;
  if (found.uid !== process.getuid?.()) {
    const hint = `\`sudo chown -R ${process.getuid?.() ?? ""} ${path}\`, or run as its owner`;
    throw new InstarError("CONFIG_INVALID", `${path} belongs to another user (uid ${found.uid})`, { hint });
  }
  if ((found.mode & 0o077) === 0) return null;
  const mode = found.isDirectory() ? 0o700 : 0o600;
  await chmod(path, mode);
  return `${path} could be read by other users of this machine; its mode is now ${mode.toString(8)}`;
}
