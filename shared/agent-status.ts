import { z } from "zod";
import { loadConfig } from "./config.ts";
import { isInstarError } from "./errors.ts";
import { type DaemonStatus, readStatus } from "./lifecycle.ts";
import type { AgentPaths } from "./paths.ts";
import { DaemonName, Instant } from "./protocol.ts";
import { type ProgramStatus, readSupervisorStatus, SUITE, type SupervisorStatus } from "./supervisor.ts";

export const DaemonView = z.object({
  state: z
    .enum(["up", "starting", "waiting", "off", "failed", "down"])
    .describe("waiting: for its timer; off: not part of this suite; failed: not started again until a person acts"),
  pid: z.int().nullable(),
  since: Instant.nullable(),
  restarts: z.int().nonnegative(),
  detail: z.string().optional().describe("what it is busy with, and what is not as it should be"),
  complains: z.boolean().describe("whether anything of that is not as it should be"),
});
export type DaemonView = z.output<typeof DaemonView>;

/** The suite as its files tell it, whoever of it is up. */
export const SuiteStatus = z.object({
  running: z.boolean().describe("whether any daemon of the suite is up or starting"),
  supervisor: z.enum(["systemd", "launchd", "background", "foreground"]).nullable(),
  url: z.string().nullable().describe("of the HTTP API; null when config.json cannot be read"),
  daemons: z.record(DaemonName, DaemonView),
});
export type SuiteStatus = z.output<typeof SuiteStatus>;

/** What a daemon says in its concerns without complaining: numbers for other programs. */
export const FACTS: ReadonlySet<string> = new Set(["sessionsRunning", "sessionsMax", "running", "paused"]);

/** Reads a fixed number of small files, whether the daemons are up or down. */
export async function readSuiteStatus(paths: AgentPaths): Promise<SuiteStatus> {
  const [supervisor, url, ...statuses] = await Promise.all([
    readSupervisorStatus(paths),
    readUrl(paths),
    ...DaemonName.options.map((name) => readStatus(paths, name)),
  ]);
  const views = DaemonName.options.map((name, at) => [name, viewOf(name, statuses[at] ?? null, supervisor)] as const);
  const daemons = Object.fromEntries(views) as Record<DaemonName, DaemonView>;
  const running = views.some(([, { state }]) => state === "up" || state === "starting");
  return { running, supervisor: supervisor?.mode ?? null, url, daemons };
}

/** A daemon's own word counts while it lives; else its supervisor's. */
function viewOf(name: DaemonName, status: DaemonStatus | null, supervisor: SupervisorStatus | null): DaemonView {
  const held = supervisor?.programs[name];
  const restarts = held?.restarts ?? 0;
  if (status) {
    const complaints = complaintsOf(status);
    const detail = [...(status.detail === undefined ? [] : [status.detail]), ...complaints].join("; ");
    const { state, pid, since } = status;
    return { state, pid, since, restarts, complains: complaints.length > 0, ...(detail === "" ? {} : { detail }) };
  }
  const nobody = { pid: null, since: held?.since ?? null, restarts, ...detailOf(held) };
  if (!SUITE.includes(name)) return { ...nobody, state: "off", complains: false };
  return { ...nobody, state: held ? STATES[held.state] : "down", complains: true };
}

/** What a supervisor's word means for a daemon that does not speak for itself (yet). */
const STATES: Readonly<Record<ProgramStatus["state"], DaemonView["state"]>> = {
  starting: "starting",
  running: "starting",
  restarting: "starting",
  resting: "failed",
  failed: "failed",
  stopped: "down",
};

function detailOf(held: ProgramStatus | undefined): { detail?: string } {
  return held?.detail === undefined ? {} : { detail: held.detail };
}

/** What is not as it should be with a daemon, in its own words. */
function complaintsOf({ concerns }: DaemonStatus): string[] {
  return Object.entries(concerns).flatMap(([name, text]) => (FACTS.has(name) ? [] : [`${name}: ${text}`]));
}

/** The address that clients on this machine use. */
export function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

async function readUrl(paths: AgentPaths): Promise<string | null> {
  try {
    return urlOf(await loadConfig(paths));
  } catch (error) {
    if (isInstarError(error)) return null;
    throw error;
  }
}
