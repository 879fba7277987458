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

/** How far each log goes now, in whole lines: what is read up to there can be followed from there. */
export type LogEnds = ReadonlyMap<string, number>;

export async function logEnds(paths: Pick<AgentPaths, "logs">): Promise<LogEnds> {
  const names = await logNames(paths);
  return new Map(await Promise.all(names.map(async (name) => [name, await endOfLines(fileOf(paths, name))] as const)));
}

/** Longer than any line of ours, which is at most 48 KiB. */
const LAST_LINE_BYTES = 64 * 1024;

async function endOfLines(path: string): Promise<number> {
  const size = await sizeOf(path);
  const tail = Buffer.from((await readTail(path, LAST_LINE_BYTES, size)) ?? "");
  const end = tail.lastIndexOf("\n") + 1;
  return end === 0 ? size : size - (tail.length - end);
}

function fileOf(paths: Pick<AgentPaths, "logs">, name: string): string {
  return join(paths.logs, `${name}.log`);
}

/** The last lines of the logs up to `ends`, by their time; of each file no more than its last 4 MiB are read. */
export async function readLogs(
  paths: Pick<AgentPaths, "logs">,
  { names, limit, ends, ...filter }: LogFilter & { readonly limit: number; readonly ends: LogEnds },
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for (const [name, end] of ends) {
    if (names.length > 0 && !names.includes(name)) continue;
    const path = fileOf(paths, name);
    // What was moved aside comes first.
    const texts = [await readTail(`${path}.1`, MOST_BYTES), await readTail(path, MOST_BYTES, end)];
    for (const text of texts) lines.push(...linesIn(name, text ?? ""));
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

/** Yields lines as they are written after `ends`, until the signal; logs that begin meanwhile too. */
export async function* followLogs(
  paths: Pick<AgentPaths, "logs">,
  { names, ends, ...filter }: LogFilter & { readonly ends: LogEnds },
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<LogLine> {
  const readers = new Map<string, Reader>();
  while (!signal.aborted) {
    for (const name of names.length > 0 ? names : await logNames(paths)) {
      const reader = readers.get(name) ?? { offset: ends.get(name) ?? 0, rest: "", decoder: new StringDecoder("utf8") };
      readers.set(name, reader);
      const lines = linesIn(name, await readOn(fileOf(paths, name), reader), new Date(clock.now()).toISOString());
      yield* lines.filter((line) => isWanted(line, filter));
    }
    await pause(clock, LOOK_MS, signal);
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
