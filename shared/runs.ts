import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "./errors.ts";
import type { AgentPaths } from "./paths.ts";
import type { ProcessIdentity } from "./proc.ts";
import { SkipCause, Slug } from "./protocol.ts";

/** An attempt at a slot, which is what a run is. */
export interface RunKey {
  readonly slug: string;
  /** The due instant, ISO 8601 in UTC with milliseconds. */
  readonly slot: string;
  /** 1 for the first. */
  readonly attempt: number;
}

/** Names a run among all of an agent: `backup@20260101T000000.000Z.1`. */
export function runIdOf({ slug, slot, attempt }: RunKey): string {
  return `${slug}@${compact(slot)}.${attempt}`;
}

/** What a run id names; null for a text that is none. */
export function parseRunId(id: string): RunKey | null {
  const parts = /^([^@]+)@(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3}Z)\.([1-9]\d{0,8})$/.exec(id);
  if (!parts) return null;
  const [, slug = "", year, month, day, hours, minutes, seconds, attempt] = parts;
  const slot = `${year}-${month}-${day}T${hours}:${minutes}:${seconds}`;
  if (!Slug.safeParse(slug).success || !isInstant(slot)) return null;
  return { slug, slot, attempt: Number(attempt) };
}

/** Where the runs of one job rest, or of all. */
export function runsFolder(paths: AgentPaths, slug = ""): string {
  return join(paths.state("scheduler"), "runs", slug);
}

/** Where everything of one run rests: what it was told to do, its witnesses, what it said. */
export function runFolder(paths: AgentPaths, { slug, slot, attempt }: RunKey): string {
  return join(runsFolder(paths, slug), `${compact(slot)}.${attempt}`);
}

/** The gate before a run is a run of its own, inside. */
export function gateFolder(folder: string): string {
  return join(folder, "gate");
}

/** Without what file systems and URLs do not like. */
function compact(slot: string): string {
  return slot.replaceAll(/[-:]/g, "");
}

function isInstant(text: string): boolean {
  const epochMs = Date.parse(text);
  return !Number.isNaN(epochMs) && new Date(epochMs).toISOString() === text;
}

const LaunchFile = z.object({
  v: z.literal(1),
  kind: z.enum(["script", "claude-code"]),
  timeoutMs: z.number().positive(),
  /** Of an agent: its session, and the folder that holds the session's transcript. */
  session: z.object({ id: z.string(), folder: z.string() }).optional(),
});

/** What a run was started as; `launch.json` of its folder, written before a pane is opened. */
export type Launch = z.output<typeof LaunchFile>;

/** Null: nothing was prepared, or it cannot be understood. */
export async function readLaunch(folder: string): Promise<Launch | null> {
  return (await readMarker(join(folder, "launch.json"), LaunchFile))?.value ?? null;
}

const BegunFile = z.object({
  pid: z.int(),
  group: z.int().default(0),
  startTime: z.string(),
  bootId: z.string(),
  closed: SkipCause.optional(),
  failure: z.string().optional(),
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
  /** Why nothing is to begin here any more. */
  readonly closed?: SkipCause | undefined;
  /** Why nothing could begin here. */
  readonly failure?: string | undefined;
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
