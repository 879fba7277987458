import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "../errors.ts";
import { namesIn } from "../paths.ts";
import { removeFile } from "./durable.ts";

/** After this, a temporary file was left by a writer that was killed. */
const LEFTOVER_MS = 3_600_000;

/** Removes what killed writers of the file at `path` left beside it. */
export async function clearLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await namesIn(folder)) {
    if (!isTemporaryOf(basename(path), name)) continue;
    const leftover = join(folder, name);
    const found = await stat(leftover).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") return null;
      throw error;
    });
    if (found !== null && Date.now() - found.mtimeMs > LEFTOVER_MS) await removeFile(leftover);
  }
}

/** As `writeTemporary` names them, and as write-file-atomic does: the file's name and a number. */
function isTemporaryOf(file: string, name: string): boolean {
  if (name.startsWith(`.${file}.`)) return name.endsWith(".tmp");
  return name.startsWith(`${file}.`) && /^\d+$/.test(name.slice(file.length + 1));
}
