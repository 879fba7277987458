import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { systemClock } from "../clock.ts";
import { InstarError } from "../errors.ts";
import { type AgentPaths, ensureRun, inodeOf } from "../paths.ts";
import { until } from "./until.ts";
import { readLiving } from "./status.ts";

/** For this long a holder that has just come may say nothing of itself. */
const SILENT_MS = 2_000;
/** SQLITE_BUSY and SQLITE_NOTADB, https://sqlite.org/rescode.html */
const BUSY = 5;
const NOT_A_DATABASE = 26;

/** What every status file tells of its writer. */
const Holder = z.object({ pid: z.int(), startTime: z.string(), bootId: z.string(), since: z.string() });

/** The right to be the only `name` of an agent. The kernel takes it back at any death of its holder. */
export interface Place extends AsyncDisposable {
  /** Whether the lock still guards anything: its file may have been removed under us. */
  holds(): Promise<boolean>;
}

/** Takes the place of a daemon or supervisor. PLACE_TAKEN names who holds it, and since when. */
export async function takePlace(paths: AgentPaths, name: string): Promise<Place> {
  await ensureRun(paths);
  const found = await until(
    async () => {
      const place = await lock(paths.lockDb(name));
      return place ?? (await readLiving(paths.status(name), Holder));
    },
    { clock: systemClock, timeoutMs: SILENT_MS },
  );
  if (found && "holds" in found) return found;
  const holder = found ? `pid ${found.pid} since ${found.since}` : "a process that does not say its pid";
  const hint = "`instar server stop` ends what runs for this agent";
  throw new InstarError("PLACE_TAKEN", `another ${name} runs for this agent already: ${holder}`, { hint });
}

/** Null when another holds it. */
async function lock(path: string): Promise<Place | null> {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
    if (code === BUSY) return null;
    const hint = code === NOT_A_DATABASE ? `remove ${path}; it holds nothing but a lock` : undefined;
    throw new InstarError("UNAVAILABLE", `cannot lock ${path}`, { cause: error, hint });
  }
  const locked = await inodeOf(path);
  return {
    holds: async () => locked !== null && (await inodeOf(path)) === locked,
    async [Symbol.asyncDispose]() {
      // A place that was lost is given up when that is seen, and again at the end.
      if (database.isOpen) database.close();
    },
  };
}
