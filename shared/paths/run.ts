import { randomBytes } from "node:crypto";
import { readlink, rename, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { InstarError, systemCode } from "../errors.ts";
import { type AgentPaths, exists } from "../paths.ts";
import { agentIdOf } from "./identity.ts";
import { ownFolder } from "./private.ts";

/** What fits into sockaddr_un with its final zero: 108 bytes on Linux (unix(7)), 104 on macOS. */
const MAX_SOCKET_BYTES = process.platform === "darwin" ? 103 : 107;
/** No socket of ours has a longer name. */
const LONGEST_SOCKET = "scheduler.sock";

/**
 * Makes the agent's run folder and the link `.instar/run` to it, heals either when it is gone, and returns the folder,
 * whose path is short enough for sockets. The link decides: programs with different environments meet in one folder.
 * Throws CONFIG_INVALID for an agent that was copied, and where something foreign is in the way.
 */
export async function ensureRun(paths: AgentPaths): Promise<string> {
  const id = await agentIdOf(paths);
  const linked = await readRun(paths);
  // A link that came along with a copy leads to somebody else's folder.
  if (linked !== null && basename(linked) === id && fits(linked) && (await exists(linked))) {
    await ownFolder(linked);
    return linked;
  }
  const folder = await makeFolder(id);
  await link(paths, folder);
  return folder;
}

/** Where the link leads now, whether or not that folder is there; null without a link. */
export async function readRun(paths: AgentPaths): Promise<string | null> {
  try {
    return resolve(paths.instar, await readlink(paths.run));
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return null;
    if (systemCode(error) !== "EINVAL") throw error;
    const hint = "move it away; a link is made in its place";
    throw new InstarError("CONFIG_INVALID", `${paths.run} is in the way: it is no link`, { cause: error, hint });
  }
}

async function makeFolder(id: string): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const runtime = process.env["XDG_RUNTIME_DIR"];
  const bases = [join(tmpdir(), `instar-${uid}`), join("/tmp", `instar-${uid}`)];
  if (runtime && (await isOwnFolder(runtime))) bases.unshift(join(runtime, "instar"));
  const base = bases.find((folder) => fits(join(folder, id)));
  if (base === undefined) {
    const hint = "set TMPDIR to a folder with a short path";
    throw new InstarError("CONFIG_INVALID", `every folder for sockets has too long a path, such as ${bases[0]}`, {
      hint,
    });
  }
  await ownFolder(base);
  await ownFolder(join(base, id));
  return join(base, id);
}

async function link(paths: AgentPaths, folder: string): Promise<void> {
  const fresh = join(paths.instar, `.run-${process.pid}-${randomBytes(4).toString("hex")}`);
  await symlink(folder, fresh);
  await rename(fresh, paths.run);
}

async function isOwnFolder(path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  const found = await stat(path);
  return found.isDirectory() && found.uid === process.getuid?.();
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, LONGEST_SOCKET)) <= MAX_SOCKET_BYTES;
}
