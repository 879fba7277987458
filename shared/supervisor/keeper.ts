import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { type Clock, isoInstant, pause } from "../clock.ts";
import { describeError, type InstarError, isInstarError, systemCode } from "../errors.ts";
import type { Log } from "../log.ts";
import { hasProcess, identify, isAlive, type ProcessIdentity } from "../proc.ts";
import { type End, nextAct, REST_MS } from "./restarts.ts";
import type { ProgramStatus } from "./status.ts";

/** A program that is to run for as long as its supervisor does. */
export interface Program {
  readonly name: string;
  /** A copy that runs already, whoever started it. */
  find(): Promise<ProcessIdentity | null>;
  /** Starts one in a session of its own. STORE_FULL, UNAVAILABLE. */
  start(): Promise<ChildProcess>;
  /** Why the process `pid` failed, by its own words. */
  lastError(pid: number): Promise<string | null>;
}

export interface Keeper {
  readonly name: string;
  status(): ProgramStatus;
  /** Rejects with a fault of the keeper's own. */
  readonly failed: Promise<never>;
  /** Tries again what was left or rests. */
  retry(): void;
  /** No longer keeps it; the process goes on. */
  leave(): Promise<void>;
  /** No longer keeps it, and ends it: SIGTERM, and after `graceMs` SIGKILL. */
  end(graceMs: number): Promise<void>;
}

export interface KeeperDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Resolves when others can read the change. */
  readonly onChange: () => Promise<void>;
}

/** How often a process that is no child of ours is looked at: its end is told by nobody. */
const LOOK_MS = 200;
/** So many looks are cheap ones for each that is sure. */
const CHEAP_LOOKS = 4;

/** Holds a program up: adopts a copy that runs, starts one where there is none, again after each end, as restarts.ts says. */
export function keepUp(program: Program, { clock, log, onChange }: KeeperDeps): Keeper {
  const stop = new AbortController();
  const stopped = once(stop.signal, "abort").then(() => null);
  const startsMs: number[] = [];
  let retry = new AbortController();
  let status: ProgramStatus = { state: "starting", process: null, since: now(), restarts: -1, adopted: false };

  function now(): string {
    return isoInstant(clock.now());
  }
  const change = (fields: Partial<ProgramStatus>): Promise<void> => {
    const { detail: _old, ...rest } = status;
    status = { ...rest, since: now(), ...fields };
    return onChange();
  };
  const stays = (): boolean => !stop.signal.aborted;

  const adopt = async (found: ProcessIdentity): Promise<End> => {
    log.info({ program: program.name, pid: found.pid }, "found running; adopted");
    void change({ state: "running", process: found, adopted: true, restarts: Math.max(0, status.restarts) });
    while (stays() && (await isAlive(found)))
      for (let look = 0; look <= CHEAP_LOOKS && stays() && hasProcess(found.pid); look += 1)
        await pause(clock, LOOK_MS, stop.signal);
    return UNSEEN;
  };
  const start = async (): Promise<End> => {
    startsMs.push(clock.monotonicMs());
    startsMs.splice(0, startsMs.length - 100);
    const child = await program.start();
    const exited = endOf(child);
    const self = await identify(child.pid ?? 0);
    void change({ state: "running", process: self, adopted: false, restarts: status.restarts + 1 });
    const ended = await Promise.race([exited, stopped]);
    // What is left to itself must not hold this process.
    if (!ended) child.unref();
    return ended ?? UNSEEN;
  };
  const waitForRetry = async (ms: number): Promise<void> => {
    retry = new AbortController();
    await pause(clock, ms, AbortSignal.any([stop.signal, retry.signal]));
  };
  const hold = async (): Promise<void> => {
    while (stays()) {
      const found = await program.find();
      if (!stays()) return;
      const pid = (): number => status.process?.pid ?? 0;
      let end: End;
      try {
        end = found ? await adopt(found) : await start();
      } catch (error) {
        if (!isInstarError(error)) throw error;
        await afterRefusal(error);
        continue;
      }
      if (!stays()) return;
      await afterEnd(end, pid());
    }
  };
  const afterRefusal = async (error: InstarError): Promise<void> => {
    log.error({ error, program: program.name }, "cannot be started");
    const next = isShortage(error) ? nextAct(UNSEEN, startsMs, clock.monotonicMs()) : null;
    const isSoon = next?.type === "restart";
    void change({ state: isSoon ? "restarting" : "failed", process: null, detail: describeError(error) });
    await waitForRetry(isSoon ? next.afterMs : REST_MS);
  };
  const afterEnd = async (end: End, pid: number): Promise<void> => {
    const next = nextAct(end, startsMs, clock.monotonicMs());
    log.warn({ program: program.name, pid, ...end, next: next.type }, "ended");
    if (next.type === "restart") {
      void change({ state: "restarting", process: null });
      return pause(clock, next.afterMs, stop.signal);
    }
    if (next.type === "leave" && (await program.find())) return;
    const said = await program.lastError(pid);
    const detail = said === null ? next.detail : `${next.detail}: ${said}`;
    log.error({ program: program.name, detail }, next.type === "rest" ? "rests" : "left alone");
    void change({ state: next.type === "rest" ? "resting" : "failed", process: null, detail });
    await waitForRetry(next.type === "rest" ? next.afterMs : Infinity);
  };

  const holding = hold();
  const failed = holding.then(() => new Promise<never>(() => undefined));
  failed.catch(() => undefined);
  return {
    name: program.name,
    failed,
    status: () => ({ ...status, restarts: Math.max(0, status.restarts) }),
    retry: () => retry.abort(),
    async leave() {
      stop.abort();
      await holding;
    },
    async end(graceMs) {
      stop.abort();
      await holding;
      // First: its end must not look like one that nobody ordered.
      await change({ state: "stopped" });
      if (status.process) await endProcess(status.process, { clock, graceMs });
      await change({ process: null });
    },
  };
}

const UNSEEN: End = { code: null, signal: null };

/** It may have ended already: then it says so no more. */
async function endOf(child: ChildProcess): Promise<End> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { code: child.exitCode, signal: child.signalCode };
}

/** The machine is out of processes, memory, descriptors or room: that passes sooner than that a program is missing. */
function isShortage({ code, cause }: InstarError): boolean {
  return code === "STORE_FULL" || ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"].includes(systemCode(cause) ?? "");
}

/** SIGTERM, and after `graceMs` SIGKILL, to exactly this process; resolves when it is gone. */
export async function endProcess(
  identity: ProcessIdentity,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + graceMs;
  let isKilled = false;
  // Its pid may be another's by now.
  if (await isAlive(identity)) signalProcess(identity.pid, "SIGTERM");
  while (await isAlive(identity)) {
    if (!isKilled && clock.monotonicMs() > deadlineMs) {
      signalProcess(identity.pid, "SIGKILL");
      isKilled = true;
    }
    await pause(clock, 20);
  }
}

export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}
