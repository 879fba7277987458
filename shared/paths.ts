import { createHash } from "node:crypto";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { systemCode } from "./errors.ts";

export { agentIdOf, AgentFile } from "./paths/identity.ts";
export { makePrivate } from "./paths/private.ts";
export { ensureRun, readRun } from "./paths/run.ts";

/** Where templates/ and docs/ are, under source and under a compiled dist/ alike. */
export const PACKAGE_ROOT = resolve(import.meta.dirname, import.meta.filename.endsWith(".ts") ? ".." : "../..");

/** Where everything of one agent rests. */
export interface AgentPaths {
  /** The agent's folder. */
  readonly dir: string;
  readonly instar: string;
  /** The id and folder that `instar init` fixed. */
  readonly agent: string;
  readonly config: string;
  readonly jobs: string;
  readonly users: string;
  readonly secrets: string;
  /** A link to the run folder. Too deep for sockets: `ensureRun` and `readRun` tell the folder itself. */
  readonly run: string;
  readonly logs: string;
  state(daemon: string): string;
  spool(name: string): string;
  socket(daemon: string): string;
  lockDb(name: string): string;
  status(name: string): string;
}

export function agentPaths(agentDir: string): AgentPaths {
  const dir = resolve(agentDir);
  const instar = join(dir, ".instar");
  const run = join(instar, "run");
  return {
    dir,
    instar,
    agent: join(instar, "agent.json"),
    config: join(instar, "config.json"),
    jobs: join(instar, "jobs.json"),
    users: join(instar, "users.json"),
    secrets: join(instar, "secrets"),
    run,
    logs: join(instar, "logs"),
    state: (daemon) => join(instar, "state", daemon),
    spool: (name) => join(instar, "spool", name),
    socket: (daemon) => join(run, `${daemon}.sock`),
    lockDb: (name) => join(run, `${name}.lock.db`),
    status: (name) => join(run, `${name}.status.json`),
  };
}

/** The nearest folder from `from` upwards that holds an agent, by its real path; null when there is none. */
export async function findAgent(from: string): Promise<string | null> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (await exists(join(folder, ".instar/config.json"))) return realpath(folder);
    if (folder === dirname(folder)) return null;
  }
}

/** Names an agent on this machine: readable, and different for two folders of one name. `dir` is a real path. */
export function agentId(dir: string, name: string = basename(dir)): string {
  const words = name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 24)
    .replaceAll(/^-+|-+$/g, "");
  return `${words || "agent"}-${createHash("sha256").update(dir).digest("hex").slice(0, 8)}`;
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
    throw error;
  }
}

/** The names in a folder; none where there is no such folder or, with `orFile`, where it is a file. */
export async function namesIn(
  folder: string,
  { orFile = false }: { readonly orFile?: boolean } = {},
): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || (orFile && systemCode(error) === "ENOTDIR")) return [];
    throw error;
  }
}

/** Which file has this name now; null: none. */
export async function inodeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}
