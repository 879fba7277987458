import { constants } from "node:os";
import { join } from "node:path";
import { isoInstant } from "../../shared/clock.ts";
import { bootId } from "../../shared/proc.ts";
import { type Launch, readLaunch, type RunWitness } from "../../shared/runs.ts";
import type { FinishedRecord } from "../../shared/slots.ts";
import { claudeCode } from "./claude-code.ts";
import type { AgentEnd } from "./framework.ts";
import { readEnd } from "./run-text.ts";

/** What a run folder tells of a run that is over; the slot, and what follows from it, are the journal's. */
export type RunEnd = Omit<FinishedRecord, "v" | "at" | "type" | "slot" | "attempt" | "retryAt" | "retrySkipped">;

/** A whole output that asks that nobody be told. */
const SILENT = "[SILENT]";

/** How a run went, by its witnesses and by what it said. Asked again, it says the same. `nowMs`: where nobody saw its end. */
export async function outcomeOf(folder: string, witness: RunWitness, nowMs: number): Promise<RunEnd> {
  const { begun, exit } = witness;
  const base = {
    startedAt: begun && begun.pid !== 0 ? isoInstant(begun.startedAt) : null,
    endedAt: isoInstant(exit?.endedAt ?? nowMs),
    exitCode: exit?.code ?? null,
    signal: signalOf(witness),
  };
  if (!begun || begun.pid === 0) return { ...base, ...unbegun(witness) };
  const launch = await readLaunch(folder);
  const agent =
    launch && launch.kind !== "script" ? await claudeCode.readEnd(folder, launch.session, base.exitCode) : null;
  return { ...base, ...(await judge(witness, agent)), ...(await traces(folder, launch, agent)) };
}

type Judgement = Pick<RunEnd, "outcome" | "reason">;

function unbegun({ begun, stop }: RunWitness): Judgement {
  if (begun?.failure !== undefined) return { outcome: "failure", reason: begun.failure };
  if (stop) return { outcome: "killed", reason: `${stop.detail}; it had not begun` };
  return { outcome: "failure", reason: "panes were opened for it, and nothing began in them" };
}

async function judge({ begun, exit, stop }: RunWitness, agent: AgentEnd | null): Promise<Judgement> {
  if (stop) return { outcome: stop.reason === "timeout" ? "timeout" : "killed", reason: stop.detail };
  if (!exit) {
    const isRebooted = begun?.bootId !== "" && begun?.bootId !== (await bootId());
    return {
      outcome: "lost",
      reason: isRebooted ? "the machine was restarted while it ran" : "it was killed from outside",
    };
  }
  if (exit.hangup && exit.code !== 0)
    return { outcome: "lost", reason: "its tmux pane went away, or the tmux server, while it ran" };
  const failure = agent ? agent.failure : scriptFailure(exit.code);
  return failure === null ? { outcome: "success" } : { outcome: "failure", reason: failure };
}

function scriptFailure(code: number): string | null {
  if (code === 0) return null;
  const signal = signalName(code);
  if (signal !== null) return `ended by ${signal}`;
  const why = { 125: " (it could not be started)", 126: " (not executable)", 127: " (command not found)" }[code] ?? "";
  return `exit status ${code}${why}`;
}

async function traces(
  folder: string,
  launch: Launch | null,
  agent: AgentEnd | null,
): Promise<Pick<RunEnd, "usage" | "sessionId" | "costUsd" | "quiet">> {
  const said = agent ? agent.said : await readEnd(join(folder, "output"), 4096);
  return {
    ...(agent?.usage && { usage: agent.usage }),
    ...(agent?.costUsd !== undefined && { costUsd: agent.costUsd }),
    ...(launch?.session && { sessionId: launch.session.id }),
    ...(said?.trim() === SILENT && { quiet: true }),
  };
}

/** The signal that ended it: what the shell says in the exit status, or SIGKILL where none is left to say anything. */
function signalOf({ begun, exit, stop }: RunWitness): string | null {
  if (exit) return signalName(exit.code);
  return begun && begun.pid > 0 && stop ? "SIGKILL" : null;
}

/** POSIX shells tell a signal as an exit status above 128. */
function signalName(code: number): string | null {
  const found = Object.entries(constants.signals).find(([, number]) => code === 128 + number);
  return found?.[0] ?? null;
}
