import { fstatSync, ftruncateSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../shared/errors.ts";

/** Of an output that is too long, so much of its begin and of its end is kept. */
const KEPT_BYTES = 256 * 1024;
/** The result of a headless agent is one line, whole or worthless. */
const KEPT_RESULT_BYTES = 8 * 1024 * 1024;
/** Cut when it is longer than this many times what is kept: a chatty run is not cut at every look. */
const SLACK = 4;
/** Whoever still writes when so many tails were taken loses what came since the last. */
const MAX_ROUNDS = 64;

/**
 * Bounds what a run has said, while it says it: the head and the tail stay, and between them stands how much is gone. The
 * work appends (O_APPEND), so it goes on after the tail. Of a flood, what comes at the moment of a cut may be gone uncounted.
 */
export async function limitOutput(folder: string): Promise<void> {
  await limitFile(join(folder, "output"), KEPT_BYTES);
  await limitFile(join(folder, "result.json"), KEPT_RESULT_BYTES);
}

/** The same for one file. */
export async function limitFile(path: string, keptBytes: number): Promise<void> {
  const handle = await openThere(path);
  if (!handle) return;
  await using file = handle;
  let { size } = await file.stat();
  if (size <= SLACK * keptBytes) return;
  const before = await markAt(file, keptBytes);
  for (let round = 1; ; round++) {
    const tail = wholeCharacters(await readAt(file, size - keptBytes, keptBytes));
    const cut = before.cutBytes + (size - keptBytes - before.markBytes - tail.length);
    // The mark and the tail first, over what is to go: a kill in between leaves too much, never too little said.
    const middle = Buffer.concat([Buffer.from(mark(cut)), tail]);
    await writeAt(file, middle, keptBytes);
    const { size: sizeNow } = fstatSync(file.fd);
    if (sizeNow === size || round === MAX_ROUNDS) {
      // Straight after the look, so that next to nothing comes in between.
      ftruncateSync(file.fd, keptBytes + middle.length);
      return;
    }
    // More came: the tail is a later one.
    size = sizeNow;
  }
}

/** As wide for every number, so that the next cut finds and replaces it. */
function mark(cutBytes: number): string {
  return `\n[instar: ${String(cutBytes).padStart(16)} bytes were cut here]\n`;
}

async function markAt(file: FileHandle, position: number): Promise<{ cutBytes: number; markBytes: number }> {
  const markBytes = mark(0).length;
  const text = (await readAt(file, position, markBytes)).toString("latin1");
  const number = /^\n\[instar: +(\d+) bytes were cut here\]\n$/.exec(text)?.[1];
  return number === undefined ? { cutBytes: 0, markBytes: 0 } : { cutBytes: Number(number), markBytes };
}

/** Without the rest of a character whose begin was cut off. */
function wholeCharacters(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return start > 0 && start < 4 ? bytes.subarray(start) : bytes;
}

async function openThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
