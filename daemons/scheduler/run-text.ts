import { open } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../shared/errors.ts";

/** The last bytes of a file, as text; null when it is not there. */
export async function readEnd(path: string, maxBytes: number): Promise<string | null> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    const length = Math.min(size, maxBytes);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, size - length);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** The last thing that a run said, fit for a reason; "" when it said nothing. */
export async function lastLine(folder: string): Promise<string> {
  const text = (await readEnd(join(folder, "output"), 4096)) ?? "";
  return text.trimEnd().split("\n").at(-1)?.trim().slice(0, 300) ?? "";
}
