import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "./errors.ts";
import type { ProcessIdentity } from "./proc.ts";
import { SkipCause } from "./protocol.ts";

const BegunFile = z.object({
  pid: z.int(),
  group: z.int().default(0),
  startTime: z.string(),
  bootId: z.string(),
  closed: SkipCause.optional(),
});
const Exit = z.object({ code: z.int(), hangup: z.boolean() });
const Stop = z.object({ reason: z.enum(["timeout", "killed", "overlap"]), detail: z.string(), at: z.iso.datetime() });

/** Why and when a run was told to end, written before the first signal is sent. */
export type StopOrder = z.output<typeof Stop>;

/** The wrapper that holds a run. `pid` 0: closed by the scheduler before any began. */
export interface Begun extends ProcessIdentity {
  /** The process group of the wrapper and its work, less what moved into groups of its own; 0: none. */
  readonly group: number;
  /** Epoch milliseconds, by the wall clock. */
  readonly startedAt: number;
  readonly closed?: SkipCause | undefined;
}

/** What a run folder tells about its run: the witnesses that decide what to do next. */
export interface RunWitness {
  /** Null while none has begun. */
  readonly begun: Begun | null;
  readonly exit: { readonly code: number; readonly hangup: boolean; readonly endedAt: number } | null;
  readonly stop: StopOrder | null;
}

/** Nobody: it is no pid of a process, and not the scheduler's 0. */
const UNKNOWN = { pid: -1, group: 0, startTime: "", bootId: "" };

/**
 * Reads the witnesses of one run. Files of the wrapper appear whole, by link or rename; a power cut can empty them before
 * they are synced. A damaged `begun` was made by somebody who is gone; a damaged `exit` or order was never given.
 */
export async function readWitness(folder: string): Promise<RunWitness> {
  const [begun, exit, stop] = await Promise.all([
    readMarker(join(folder, "begun"), BegunFile),
    readMarker(join(folder, "exit"), Exit),
    readMarker(join(folder, "stop.json"), Stop),
  ]);
  return {
    begun: begun && { ...(begun.value ?? UNKNOWN), startedAt: begun.writtenAt },
    exit: exit?.value ? { ...exit.value, endedAt: exit.writtenAt } : null,
    stop: stop?.value ?? null,
  };
}

/** Null: not there. Its value is null when it cannot be understood. */
async function readMarker<S extends z.ZodType>(
  path: string,
  schema: S,
): Promise<{ value: z.output<S> | null; writtenAt: number } | null> {
  try {
    const [text, found] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    return { value: parseMarker(text, schema), writtenAt: found.mtimeMs };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

function parseMarker<S extends z.ZodType>(text: string, schema: S): z.output<S> | null {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
