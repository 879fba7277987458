import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const PRELOAD = join(import.meta.dirname, "kill-at-step.mjs");
const PROGRAM = join(import.meta.dirname, "programs/file-keeper.ts");

/** One point at which a program is struck: before, in the middle of, or after its nth change of a file. */
export interface StrikePoint {
  readonly step: number;
  readonly when: "before" | "midway" | "after";
  /** What the step does, for the name of a failure. */
  readonly what: string;
}

/** What a program was seen to say, and how it ended. */
export interface Ended {
  readonly lines: readonly string[];
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program under test at work. */
export interface Keeper extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts tests/support/programs/file-keeper.ts on a folder; with `strike`, a signal falls at that point. */
export function startKeeper(
  words: readonly string[],
  { folder, strike, signal = "SIGKILL", log }: { folder: string; strike?: StrikePoint; signal?: string; log?: string },
): Keeper {
  const child = spawn(process.execPath, ["--import", PRELOAD, PROGRAM, folder, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      STEP_ROOT: folder,
      ...(log ? { STEP_LOG: log } : {}),
      ...(strike ? { STEP_STRIKE: `${strike.step} ${strike.when} ${signal}` } : {}),
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(() => ({
    lines: stdout.split("\n").filter((line) => line !== ""),
    stderr,
    exitCode: child.exitCode,
    signal: child.signalCode,
  }));
  return {
    child,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Runs the program to its end. */
export async function runKeeper(words: readonly string[], options: Parameters<typeof startKeeper>[1]): Promise<Ended> {
  await using keeper = startKeeper(words, options);
  return await keeper.ended;
}

/** Every point at which the program can be struck, from one undisturbed run. */
export async function strikePoints(words: readonly string[], folder: string, log: string): Promise<StrikePoint[]> {
  const { exitCode, stderr } = await runKeeper(words, { folder, log });
  if (exitCode !== 0) throw new Error(`the undisturbed run failed: ${stderr}`);
  const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
  return lines.flatMap((line) => {
    const [step = "", kind = ""] = line.split(" ");
    const whens = kind === "write" || kind === "mkdir" ? ["before", "midway", "after"] : ["before", "after"];
    return whens.map((when) => ({ step: Number(step), when: when as StrikePoint["when"], what: line }));
  });
}

/** Calls `act` for each item, `width` of them at once. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await act(item);
    }),
  );
}
