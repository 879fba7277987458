import { z } from "zod";

export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

/** One line of a log; one that is no record of ours (a crash, tmux) counts as an error, at the time of the line before. */
export interface LogLine {
  readonly at: string;
  readonly daemon: string;
  readonly level: Level;
  readonly message: string;
  /** What else the line says. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const Line = z.looseObject({ level: z.enum(LEVELS), time: z.iso.datetime(), msg: z.string().optional() });

/** Reads a line of a daemon's log. `before`: the time of the line before it. */
export function parseLine(daemon: string, text: string, before: string): LogLine {
  // Under journald a line begins with its priority.
  const parsed = Line.safeParse(parse(text.replace(/^<\d>/, "")));
  if (!parsed.success) return { at: before, daemon, level: "error", message: text, fields: {} };
  const { level, time, msg, name: _, ...fields } = parsed.data;
  return { at: time, daemon, level, message: msg ?? "", fields };
}

function parse(text: string): unknown {
  if (!text.startsWith("{")) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** `port=4040 error="cannot listen: address in use"`. */
export function tellFields({ fields }: LogLine): string {
  return Object.entries(fields)
    .filter(([name]) => name !== "pid")
    .map(([name, value]) => `${name}=${tellValue(value)}`)
    .join(" ");
}

function tellValue(value: unknown): string {
  if (typeof value === "object" && value !== null && "message" in value) return JSON.stringify(value.message);
  return typeof value === "string" && /^[\w@.:/-]+$/.test(value) ? value : JSON.stringify(value);
}
