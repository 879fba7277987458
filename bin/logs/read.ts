import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { type Clock, pause } from "../../shared/clock.ts";
import { systemCode } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { readTail } from "../tail.ts";
import { type Level, LEVELS, type LogLine, parseLine } from "./line.ts";

export interface LogFilter {
  /** Empty: all. */
  readonly names: readonly string[];
  readonly level: Level;
  readonly sinceMs?: number | undefined;
}

/** What of one file is looked at. */
const MOST_BYTES = 4 * 1024 * 1024;

/** The programs that have a log here. */
export async function logNames(paths: Pick<AgentPaths, "logs">): Promise<string[]> {
  try {
    const names = await readdir(paths.logs);
    return names.flatMap((name) => /^([a-z-]+)\.log$/.exec(name)?.[1] ?? []).sort();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** The last lines of the logs, by their time; of each file no more than its end is read. */
export async function readLogs(
  paths: Pick<AgentPaths, "logs">,
  { names, limit, ...filter }: LogFilter & { readonly limit: number },
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for (const name of names) {
    const path = join(paths.logs, `${name}.log`);
    // What was moved aside comes first.
    for (const file of [`${path}.1`, path]) lines.push(...linesIn(name, (await readTail(file, MOST_BYTES)) ?? ""));
  }
  return lines
    .filter((line) => isWanted(line, filter))
    .sort((a, b) => compare(a.at, b.at))
    .slice(-limit);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function isWanted({ level, at }: LogLine, filter: Pick<LogFilter, "level" | "sinceMs">): boolean {
  if (LEVELS.indexOf(level) < LEVELS.indexOf(filter.level)) return false;
  return filter.sinceMs === undefined || Date.parse(at) >= filter.sinceMs;
}

function linesIn(name: string, text: string, before = new Date(0).toISOString()): LogLine[] {
  const lines: LogLine[] = [];
  for (const line of text.split("\n")) if (line !== "") lines.push(parseLine(name, line, lines.at(-1)?.at ?? before));
  return lines;
}

const LOOK_MS = 250;
const CHUNK_BYTES = 1024 * 1024;

/** How far a log was followed. */
interface Reader {
  offset: number;
  /** A line whose end was not written yet. */
  rest: string;
  readonly decoder: StringDecoder;
}

/** Yields lines as they are written, from now on, until the signal; logs that begin meanwhile too. */
export async function* followLogs(
  paths: Pick<AgentPaths, "logs">,
  { names, ...filter }: LogFilter,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<LogLine> {
  const readers = new Map<string, Reader>();
  const look = async (isFirst: boolean): Promise<LogLine[]> => {
    const lines: LogLine[] = [];
    for (const name of names.length > 0 ? names : await logNames(paths)) {
      const reader = readers.get(name) ?? { offset: 0, rest: "", decoder: new StringDecoder("utf8") };
      readers.set(name, reader);
      const path = join(paths.logs, `${name}.log`);
      if (isFirst) reader.offset = await sizeOf(path);
      else lines.push(...linesIn(name, await readOn(path, reader), new Date(clock.now()).toISOString()));
    }
    return lines.filter((line) => isWanted(line, filter));
  };
  await look(true);
  while (!signal.aborted) {
    await pause(clock, LOOK_MS, signal);
    yield* await look(false);
  }
}

/** The whole lines that were written since. */
async function readOn(path: string, reader: Reader): Promise<string> {
  const size = await sizeOf(path);
  // It was moved aside, and began anew.
  if (size < reader.offset) reader.offset = 0;
  if (size === reader.offset) return "";
  await using handle = await open(path, "r");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, reader.offset);
  reader.offset += bytesRead;
  const text = reader.rest + reader.decoder.write(buffer.subarray(0, bytesRead));
  const end = text.lastIndexOf("\n") + 1;
  reader.rest = text.slice(end);
  return text.slice(0, end);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return 0;
    throw error;
  }
}
