import { open } from "node:fs/promises";
import { systemCode } from "../shared/errors.ts";

/**
 * The last `maxBytes` of a file before `end` (default: its end), from the beginning of a line where it was cut; null when there is no
 * such file.
 */
export async function readTail(path: string, maxBytes: number, end = Number.POSITIVE_INFINITY): Promise<string | null> {
  let handle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const to = Math.min((await handle.stat()).size, end);
    const from = Math.max(0, to - maxBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
    const text = buffer.subarray(0, bytesRead).toString("utf8");
    return from === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    await handle.close();
  }
}
