import { open, stat, unlink } from "node:fs/promises";
import type { Stats } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { InstarError, systemCode } from "../errors.ts";
import { namesIn } from "../paths.ts";
import type { Arrival } from "./order.ts";

const MAX_BYTES = 1024 * 1024;

/** A thing as it is written. */
export function encodeThing<S extends z.ZodType>(path: string, schema: S, value: z.output<S>): string {
  const checked = schema.safeParse(value);
  if (!checked.success) throw new Error(`refused to write ${path}: ${z.prettifyError(checked.error)}`);
  const text = `${JSON.stringify(value)}\n`;
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes <= MAX_BYTES) return text;
  throw new InstarError("TOO_LARGE", `refused to write ${sizeBytes} bytes into ${path}, more than ${MAX_BYTES}`);
}

/** Reads a thing: null when it is not there, a reason when it cannot be read. */
export async function readThing<S extends z.ZodType>(
  path: string,
  schema: S,
): Promise<{ value: z.output<S> } | { reason: string } | null> {
  let handle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    if (size > MAX_BYTES) return { reason: `it holds ${size} bytes, more than ${MAX_BYTES}` };
    const parsed = schema.safeParse(JSON.parse(await handle.readFile("utf8")));
    return parsed.success ? { value: parsed.data } : { reason: z.prettifyError(parsed.error) };
  } catch (error) {
    if (error instanceof SyntaxError) return { reason: `it is no JSON: ${error.message}` };
    throw error;
  } finally {
    await handle.close();
  }
}

/** What lies in a folder of a spool, and the files there that are none of ours. Hidden ones are left alone. */
export async function listThings(
  folder: string,
  nameOf: (file: string) => string | null,
): Promise<{ things: Arrival[]; foreign: string[] }> {
  const things: Arrival[] = [];
  const foreign: string[] = [];
  for (const file of await namesIn(folder)) {
    if (file.startsWith(".")) continue;
    const found = await statOf(join(folder, file));
    if (found === null) continue;
    const name = nameOf(file);
    if (name !== null && found.isFile()) things.push({ name, mtimeMs: found.mtimeMs });
    else foreign.push(file);
  }
  return { things, foreign };
}

/** Removes what came into a folder more than `ageMs` ago. A rename moves ctime, and only that. */
export async function removeOlder(folder: string, ageMs: number): Promise<void> {
  for (const file of await namesIn(folder)) {
    const path = join(folder, file);
    const found = await statOf(path);
    if (found?.isFile() && Date.now() - found.ctimeMs > ageMs) await unlink(path);
  }
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}
