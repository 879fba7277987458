import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { z } from "zod";
import { systemCode } from "../errors.ts";
import { MAX_LINE_BYTES, NEWLINE, parseLine } from "./lines.ts";
import type { Line, ReadOptions } from "./lines.ts";

const CHUNK_BYTES = 64 * 1024;

/** The records of a journal, oldest first; none when there is no such file. Memory is bounded by one line. */
export function readJournal<S extends z.ZodType>(
  file: string,
  schema: S,
  options: ReadOptions = {},
): AsyncIterable<z.output<S>> {
  return readRecords(file, schema, options, linesForwards);
}

/** The records of a journal, newest first: what is read is as much as the caller takes, in chunks. */
export function readJournalBackwards<S extends z.ZodType>(
  file: string,
  schema: S,
  options: ReadOptions = {},
): AsyncIterable<z.output<S>> {
  return readRecords(file, schema, options, linesBackwards);
}

/** Yields whole lines; what follows the last newline is told to `onTorn`. */
type LineReader = (handle: FileHandle, onTorn: (offset: number) => void) => AsyncIterable<Line>;

async function* readRecords<S extends z.ZodType>(
  file: string,
  schema: S,
  { onDamage }: ReadOptions,
  lines: LineReader,
): AsyncGenerator<z.output<S>> {
  let handle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  try {
    const onTorn = (offset: number): void =>
      onDamage?.({ file, offset, kind: "torn", reason: "the last line has no end" });
    for await (const line of lines(handle, onTorn)) {
      const parsed = parseLine(file, line, schema, onDamage);
      if (parsed) yield parsed.record;
    }
  } finally {
    await handle.close();
  }
}

async function* linesForwards(handle: FileHandle, onTorn: (offset: number) => void): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let keptBytes = 0;
  let lineAt = 0;
  let position = 0;
  for (;;) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
      const bytes =
        position + to - lineAt > MAX_LINE_BYTES ? null : Buffer.concat([...parts, chunk.subarray(from, to)]);
      yield { offset: lineAt, bytes };
      parts = [];
      keptBytes = 0;
      from = to + 1;
      lineAt = position + from;
    }
    if (keptBytes <= MAX_LINE_BYTES) parts.push(chunk.subarray(from));
    keptBytes += bytesRead - from;
    position += bytesRead;
  }
  if (position > lineAt) onTorn(lineAt);
}

async function* linesBackwards(handle: FileHandle, onTorn: (offset: number) => void): AsyncGenerator<Line> {
  // What stands behind the last newline found, in file order; `whole` once that is a line with an end.
  let parts: Buffer[] = [];
  let keptBytes = 0;
  let whole = false;
  let position = (await handle.stat()).size;
  const finish = (offset: number, head: Buffer): Line => {
    const bytes = keptBytes + head.length > MAX_LINE_BYTES ? null : Buffer.concat([head, ...parts]);
    parts = [];
    keptBytes = 0;
    return { offset, bytes };
  };
  while (position > 0) {
    const length = Math.min(CHUNK_BYTES, position);
    position -= length;
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, position);
    let rest = buffer.subarray(0, bytesRead);
    for (let at = rest.lastIndexOf(NEWLINE); at !== -1; at = rest.lastIndexOf(NEWLINE)) {
      const line = finish(position + at + 1, rest.subarray(at + 1));
      if (whole) yield line;
      else if (line.bytes === null || line.bytes.length > 0) onTorn(line.offset);
      whole = true;
      rest = rest.subarray(0, at);
    }
    if (keptBytes <= MAX_LINE_BYTES) parts.unshift(rest);
    keptBytes += rest.length;
  }
  if (whole) yield finish(0, Buffer.alloc(0));
  else if (keptBytes > 0) onTorn(0);
}
