import { dirname, join } from "node:path";
import { type AgentPaths, namesIn } from "../paths.ts";

export type StatePaths = Pick<AgentPaths, "state">;

/** `events-2026-11-21.jsonl`: what happened on that day, by UTC. */
const NAME = /^events-(\d{4}-\d{2}-\d{2})\.jsonl$/;

export function dayOf(instant: string): string {
  return instant.slice(0, 10);
}

export function dayFile(paths: StatePaths, daemon: string, day: string): string {
  return join(paths.state(daemon), `events-${day}.jsonl`);
}

/** The days for which a daemon has a file, newest first. */
export async function daysOf(paths: StatePaths, daemon: string): Promise<readonly string[]> {
  const names = await namesIn(paths.state(daemon), { orFile: true });
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .sort()
    .reverse();
}

/** The daemons that have a folder for their state. */
export async function tellers(paths: StatePaths): Promise<readonly string[]> {
  return await namesIn(dirname(paths.state("any")));
}
