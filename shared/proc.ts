import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { systemCode } from "./errors.ts";

/**
 * Names one process for ever: a pid alone is reused. `startTime` is field 22 of /proc/<pid>/stat (clock ticks since
 * boot, proc_pid_stat(5)), on macOS `ps -o lstart=`; `bootId` changes with every boot.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

/** The identity of a running process; null when there is none (a zombie counts as none). */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const [startTime, boot] = await Promise.all([startTimeOf(pid), bootId()]);
  return startTime === null ? null : { pid, startTime, bootId: boot };
}

/** Whether exactly this process still runs. */
export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  if (process.bootId !== (await bootId())) return false;
  return (await startTimeOf(process.pid)) === process.startTime;
}

/**
 * Whether some process of ours has this pid: a hundredth of what `isAlive` costs, for those who look often. True for a
 * zombie, and for another process that was given the pid since.
 */
export function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is another user's by now.
    if (systemCode(error) === "ESRCH" || systemCode(error) === "EPERM") return false;
    throw error;
  }
}

/** Ticks a second of /proc/<pid>/stat: USER_HZ, which Linux shows to programs as 100 on every platform (time(7)). */
const TICKS_PER_S = 100;

/**
 * Milliseconds, to a hundredth of a second, for which a running process has lived; no step of the wall clock moves it. It
 * counts time asleep with the machine. Null where the system tells only the wall clock of its start (macOS).
 */
export async function ageMs({ startTime }: ProcessIdentity): Promise<number | null> {
  if (process.platform !== "linux") return null;
  const [uptimeS] = (await readFile("/proc/uptime", "utf8")).split(" ");
  return Math.max(0, Number(uptimeS) * 1000 - (Number(startTime) / TICKS_PER_S) * 1000);
}

/** The kernel's id of the current boot. */
export async function bootId(): Promise<string> {
  known ??= readBootId();
  return known;
}

let known: Promise<string> | undefined;

async function readBootId(): Promise<string> {
  if (process.platform === "linux") return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const { stdout } = await promisify(execFile)("sysctl", ["-n", "kern.bootsessionuuid"]);
  return stdout.trim();
}

async function startTimeOf(pid: number): Promise<string | null> {
  if (process.platform !== "linux") {
    // It writes the time in the reader's language and zone; the run wrapper's must be the same.
    const env = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };
    const { stdout } = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)], { env }).catch(() => ({
      stdout: "",
    }));
    return stdout.trim() || null;
  }
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ESRCH") return null;
    throw error;
  });
  if (text === null) return null;
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
}
