import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** A program that a test started. */
export interface Program {
  readonly pid: number;
  /** Null when a signal ended it. */
  readonly exitCode: Promise<number | null>;
  /** What it wrote to stdout and stderr so far. */
  readonly log: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly hasEnded: boolean;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<number | null>;
}

export interface ProgramOptions {
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly input?: string | undefined;
}

/** Starts Node with these arguments. What a test's own environment says of agents does not reach it. */
export function startNode(args: readonly string[], { cwd, env, input }: ProgramOptions = {}): Program {
  const { INSTAR_DIR: _dir, INSTAR_SUPERVISOR: _supervisor, ...outer } = process.env;
  const child = spawn(process.execPath, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...outer, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  if (child.pid === undefined) throw new Error(`cannot start node ${args.join(" ")}`);
  let stdout = "";
  let stderr = "";
  let log = "";
  let hasEnded = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    log += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    log += text;
  });
  // It may leave without reading.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input ?? "");
  const closed = once(child, "close");
  const exited = once(child, "exit").then(([code]) => {
    hasEnded = true;
    return code as number | null;
  });
  // The last words are read at "close"; but that waits for grandchildren too, which may hold the pipe for long.
  const exitCode = exited.then(async (code) => {
    await Promise.race([closed, delay(500, undefined, { ref: false })]);
    return code;
  });
  const signal = (name: NodeJS.Signals): void => void child.kill(name);
  return {
    pid: child.pid,
    exitCode,
    signal,
    get log() {
      return log;
    },
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    get hasEnded() {
      return hasEnded;
    },
    async kill() {
      signal("SIGKILL");
      await exited;
    },
    async stop() {
      signal("SIGTERM");
      return exitCode;
    },
  };
}
