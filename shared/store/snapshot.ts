import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeError } from "./durable.ts";
import { clearLeftovers } from "./leftovers.ts";

/** Where this process has looked for leftovers. */
const cleared = new Set<string>();

/**
 * Writes what can be made again (a status, a cache) as JSON: readers see it whole, but a power cut or a full disk may
 * cost it. STORE_FULL, UNAVAILABLE.
 */
export async function writeSnapshot(path: string, value: unknown): Promise<void> {
  // Loaded when first used: it hooks the process's signals, which a reading command has no use for.
  const { default: writeFileAtomic } = await import("write-file-atomic");
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (!cleared.has(path)) await clearLeftovers(path);
    cleared.add(path);
    await writeFileAtomic(path, `${JSON.stringify(value)}\n`, { mode: 0o600, fsync: false });
  } catch (error) {
    throw writeError(error, path);
  }
}
