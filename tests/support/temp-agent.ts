import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { NODE_FLAGS, readStatus } from "../../shared/lifecycle.ts";
import { agentId, agentPaths, type AgentPaths, ensureRun, readRun } from "../../shared/paths.ts";
import { DIST } from "./dist.ts";
import { processesWith } from "./processes.ts";
import { type Program, startNode } from "./programs.ts";
import { tempDir } from "./temp.ts";
import { until } from "./until.ts";

export interface Started extends Program {
  /** Resolves when the daemon says that it is up; rejects when it ends before, with what it said. */
  readonly ready: Promise<void>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** A program of the test in place of the compiled daemon. */
  readonly main?: string | undefined;
}

/** An agent for one test; at its end every process it led to is gone, with its folders. */
export interface TempAgent extends AsyncDisposable {
  readonly dir: string;
  readonly paths: AgentPaths;
  readonly port: number;
  readonly token: string;
  /** For programs of the test, so that the agent's end finds them. */
  readonly env: Readonly<Record<string, string>>;
  start(daemon: string, options?: StartOptions): Promise<Started>;
}

export interface TempAgentOptions {
  /** What jobs.json holds; entries need not be right. */
  readonly jobs?: readonly unknown[] | undefined;
  /** Laid over a config that is right. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  /** The name of its folder. */
  readonly name?: string | undefined;
}

export async function tempAgent({ jobs = [], config = {}, name = "agent" }: TempAgentOptions = {}): Promise<TempAgent> {
  const temp = await tempDir();
  const dir = join(temp.path, name);
  const paths = agentPaths(dir);
  const port = await freePort();
  const token = `token-of-${basename(temp.path)}`;
  await mkdir(paths.instar, { recursive: true, mode: 0o700 });
  const files = {
    [paths.agent]: { version: 1, id: agentId(dir, name), dir },
    [paths.config]: { version: 1, projectName: name, port, auth: { token }, ...config },
    [paths.jobs]: jobs,
  };
  for (const [path, content] of Object.entries(files)) {
    await writeFile(path, JSON.stringify(content, null, 2), { mode: 0o600 });
  }
  await ensureRun(paths);
  const env = { INSTAR_TEST_AGENT: dir };
  return {
    dir,
    paths,
    port,
    token,
    env,
    async start(daemon, options = {}) {
      const main = options.main ?? join(DIST, "daemons", daemon, "main.js");
      const program = startNode([...NODE_FLAGS, main, "--dir", dir], { env: { ...env, ...options.env } });
      const ready = until(async () => program.hasEnded || (await isUp(paths, daemon, program.pid))).then(async () => {
        if (!program.hasEnded) return;
        const code = await program.exitCode;
        throw new Error(`${daemon} ended with ${code} before it was up:\n${program.log}`);
      });
      // Not every test waits for it.
      ready.catch(() => undefined);
      return Object.create(program, { ready: { value: ready } }) as Started;
    },
    async [Symbol.asyncDispose]() {
      const run = await readRun(paths).catch(() => null);
      await endAll([`${dir}/`, `${dir}\0`, ...(run === null ? [] : [`${run}/`])]);
      if (run !== null && basename(run).startsWith(agentId(dir, name))) await rm(run, { recursive: true, force: true });
      await temp[Symbol.asyncDispose]();
    },
  };
}

async function isUp(paths: AgentPaths, daemon: string, pid: number): Promise<boolean> {
  const status = await readStatus(paths, daemon);
  return status?.pid === pid && status.state === "up";
}

/** Those that start others may do so while they are being ended. */
async function endAll(texts: readonly string[]): Promise<void> {
  await until(async () => {
    const pids = await processesWith(texts);
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
      }
    }
    return pids.length === 0;
  });
}

/** One that nobody has; the system gives the same to another only after many others. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
