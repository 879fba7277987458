import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { InstarError, systemCode } from "../errors.ts";
import { makeFolder, syncFolder, writeError } from "../store.ts";
import { MAX_LINE_BYTES, NEWLINE } from "./lines.ts";

export interface Journal<T> extends AsyncDisposable {
  /**
   * Writes one record, in the order of the calls; with `sync` (the default) it is on the disk when this returns.
   * STORE_FULL, UNAVAILABLE: then the journal is as it was before.
   */
  append(record: T, options?: { readonly sync?: boolean }): Promise<void>;
}

/** Opens a journal for its one writer: the file is made, or healed of a torn tail. STORE_FULL, UNAVAILABLE. */
export async function openJournal<S extends z.ZodType>(file: string, schema: S): Promise<Journal<z.output<S>>> {
  let handle = await openHealed(file);
  let last: Promise<unknown> = Promise.resolve();
  const write = async (line: Buffer, sync: boolean): Promise<void> => {
    await writeLine(handle, line, sync);
    while (!(await isFileOf(handle, file))) {
      // Somebody moved the file away: what was written went with it.
      await handle.close();
      handle = await openHealed(file);
      await writeLine(handle, line, sync);
    }
  };
  return {
    append(record, { sync = true } = {}) {
      const line = encode(file, schema, record);
      const done = last
        .then(() => write(line, sync))
        .catch((error: unknown) => Promise.reject(writeError(error, file)));
      last = done.catch(() => undefined);
      return done;
    },
    async [Symbol.asyncDispose]() {
      await last;
      await handle.close();
    },
  };
}

function encode<S extends z.ZodType>(file: string, schema: S, record: z.output<S>): Buffer {
  const checked = schema.safeParse(record);
  if (!checked.success) throw new Error(`refused to write into ${file}: ${z.prettifyError(checked.error)}`);
  const line = Buffer.from(`${JSON.stringify(record)}\n`);
  if (line.length <= MAX_LINE_BYTES) return line;
  throw new InstarError("TOO_LARGE", `refused to write ${line.length} bytes into ${file}, more than ${MAX_LINE_BYTES}`);
}

/** One write. What a full disk let through of it is taken back, so that nobody takes it for a record. */
async function writeLine(handle: FileHandle, line: Buffer, sync: boolean): Promise<void> {
  let bytesWritten = 0;
  try {
    ({ bytesWritten } = await handle.write(line));
    // A write is cut short by a full disk, and only the next one would be told so.
    if (bytesWritten < line.length) throw Object.assign(new Error("short write"), { code: "ENOSPC" });
    if (sync) await handle.datasync();
  } catch (error) {
    const { size } = await handle.stat();
    if (bytesWritten > 0) await handle.truncate(size - bytesWritten);
    throw error;
  }
}

async function isFileOf(handle: FileHandle, file: string): Promise<boolean> {
  try {
    const [held, found] = await Promise.all([handle.stat(), stat(file)]);
    return held.ino === found.ino && held.dev === found.dev;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function openHealed(file: string): Promise<FileHandle> {
  await makeFolder(dirname(file));
  let handle;
  try {
    handle = await open(file, "a+", 0o600);
  } catch (error) {
    throw writeError(error, file);
  }
  try {
    const { size } = await handle.stat();
    // It may be new, or left by one who was killed before this.
    if (size === 0) await syncFolder(dirname(file));
    const end = await endOfLastLine(handle, size);
    if (end < size) {
      await handle.truncate(end);
      await handle.datasync();
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw writeError(error, file);
  }
}

/** Where the last whole line ends. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.allocUnsafe(64 * 1024);
  for (let end = size; end > 0;) {
    const length = Math.min(chunk.length, end);
    const { bytesRead } = await handle.read(chunk, 0, length, end - length);
    const at = chunk.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (at !== -1) return end - length + at + 1;
    end -= length;
  }
  return 0;
}
