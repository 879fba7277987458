import { copyFile, type FileHandle, mkdir, open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";

const MAX_LOG_BYTES = 8 * 1024 * 1024;
/** Room for the last line, which holds at most 48 KiB. */
const TAIL_BYTES = 64 * 1024;

export function logPath(paths: AgentPaths, name: string): string {
  return join(paths.logs, `${name}.log`);
}

/** For the stderr of a program: everything is appended, whoever else writes. */
export async function openLogFile(paths: AgentPaths, name: string): Promise<FileHandle> {
  await mkdir(paths.logs, { recursive: true, mode: 0o700 });
  return open(logPath(paths, name), "a", 0o600);
}

/**
 * Keeps the last 8 to 16 MiB of a log, in itself and in `<log>.1`. The writer goes on in the file it has open; what it writes
 * within this instant can be lost.
 */
export async function rotateLog(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  });
  if (!found || found.size <= MAX_LOG_BYTES) return;
  await copyFile(path, `${path}.1`);
  await truncate(path);
}

const FailedLine = z.object({ pid: z.int(), level: z.literal("error"), error: z.object({ message: z.string() }) });

/** Why the program `pid` says it failed, in its last words; null when it says nothing of the kind. */
export async function lastError(path: string, pid: number): Promise<string | null> {
  await using file = await open(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  });
  if (!file) return null;
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read({
    buffer: Buffer.alloc(TAIL_BYTES),
    position: Math.max(0, size - TAIL_BYTES),
  });
  const lines = buffer.toString("utf8", 0, bytesRead).split("\n").reverse();
  for (const line of lines) {
    const said = FailedLine.safeParse(parse(line));
    if (said.success && said.data.pid === pid) return said.data.error.message;
  }
  return null;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
