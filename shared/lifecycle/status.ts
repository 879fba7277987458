import { readFile } from "node:fs/promises";
import { z } from "zod";
import { systemCode } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";
import { isAlive } from "../proc.ts";
import { Instant } from "../protocol.ts";

/** What a running program says of itself in `run/<name>.status.json`. It can be made again, and counts only while its process lives. */
export const DaemonStatus = z.object({
  version: z.literal(1),
  name: z.string(),
  pid: z.int().positive(),
  startTime: z.string(),
  bootId: z.string(),
  since: Instant,
  state: z.enum(["starting", "up"]),
  release: z.string(),
  detail: z.string().optional().describe("what it is busy with, in a line"),
  concerns: z.record(z.string(), z.string()).describe("what is not as it should be, by concern"),
});
export type DaemonStatus = z.output<typeof DaemonStatus>;

/** What the program `name` says of itself; null when none runs. */
export function readStatus(paths: Pick<AgentPaths, "status">, name: string): Promise<DaemonStatus | null> {
  return readLiving(paths.status(name), DaemonStatus);
}

/** A status file whose writer lives; null when it is gone, or the file is missing or damaged. */
export async function readLiving<
  S extends z.ZodType<{ readonly pid: number; readonly startTime: string; readonly bootId: string }>,
>(path: string, schema: S): Promise<z.output<S> | null> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return null;
    throw error;
  });
  const status = text === null ? undefined : parse(text, schema);
  return status !== undefined && (await isAlive(status)) ? status : null;
}

function parse<S extends z.ZodType>(text: string, schema: S): z.output<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
