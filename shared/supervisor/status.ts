import { z } from "zod";
import { readLiving } from "../lifecycle.ts";
import type { AgentPaths } from "../paths.ts";
import { Instant } from "../protocol.ts";

/** How a supervisor sees one program that it holds up. */
export const ProgramStatus = z.object({
  state: z.enum(["starting", "running", "restarting", "resting", "failed", "stopped"]),
  /** Null while it does not run. */
  process: z.object({ pid: z.int(), startTime: z.string(), bootId: z.string() }).nullable(),
  since: Instant,
  restarts: z.int().nonnegative(),
  detail: z.string().optional(),
  /** It was started by another: an earlier supervisor, or a person. */
  adopted: z.boolean(),
});
export type ProgramStatus = z.output<typeof ProgramStatus>;

/** `run/supervisor.status.json`; it counts only while its process lives. */
export const SupervisorStatus = z.object({
  version: z.literal(1),
  name: z.literal("supervisor"),
  pid: z.int().positive(),
  startTime: z.string(),
  bootId: z.string(),
  since: Instant,
  release: z.string(),
  mode: z.enum(["foreground", "background"]),
  programs: z.record(z.string(), ProgramStatus),
});
export type SupervisorStatus = z.output<typeof SupervisorStatus>;

export const SUPERVISOR = "supervisor";

/** What our own supervisor says; null when none runs. */
export function readSupervisorStatus(paths: Pick<AgentPaths, "status">): Promise<SupervisorStatus | null> {
  return readLiving(paths.status(SUPERVISOR), SupervisorStatus);
}
