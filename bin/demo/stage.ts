import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { outsideOfSession } from "../../shared/claude.ts";
import { InstarError } from "../../shared/errors.ts";
import { agentPaths, type AgentPaths } from "../../shared/paths.ts";
import { findClaude, ownersEnvironment, scriptedEnvironment } from "./claude-cli.ts";
import { DEMO_JOBS } from "./jobs.ts";

/** The program that this is part of, compiled or not. */
const PROGRAM = join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "../instar.ts" : "../instar.js");

/** A throw-away agent with its suite in the foreground of a process of ours; disposing ends and removes all of it. */
export interface Stage extends AsyncDisposable {
  readonly paths: AgentPaths;
  readonly url: string;
  /** Runs an `instar` command of the agent and returns what it printed. */
  instar(...words: string[]): Promise<string>;
  /** Throws with the suite's last words when it has left. */
  check(): Promise<void>;
}

/** `modelUrl` null: the owner's own login. */
export async function setStage({ modelUrl }: { readonly modelUrl: string | null }): Promise<Stage> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "instar-demo-")));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  const paths = agentPaths(join(folder, "agent"));
  const env = environment(modelUrl);
  const instar = async (...words: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [PROGRAM, ...words, "--dir", paths.dir], { env })).stdout;

  const port = await freePort();
  await mkdir(paths.dir);
  await instar("init", "demo", "--port", String(port), "--yes");
  await configure(paths, { home: join(folder, "home"), modelUrl });

  const log = join(folder, "suite.log");
  await using logFile = await open(log, "a");
  // `up` ends its sessions and runs when it is interrupted.
  const words = [PROGRAM, "up", "--dir", paths.dir];
  const suite = spawn(process.execPath, words, { env, stdio: ["ignore", logFile.fd, logFile.fd] });
  const left = once(suite, "exit");
  undo.defer(async () => {
    suite.kill("SIGINT");
    await left;
  });

  const held = undo.move();
  return {
    paths,
    url: `http://127.0.0.1:${port}`,
    instar,
    async check() {
      if (suite.exitCode === null && suite.signalCode === null) return;
      const lastWords = (await readFile(log, "utf8")).trim().split("\n").slice(-5).join("\n");
      throw new InstarError("FAILED", `the suite left in the middle of the demo:\n${lastWords}`);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function configure(
  paths: AgentPaths,
  { home, modelUrl }: { readonly home: string; readonly modelUrl: string | null },
): Promise<void> {
  await mkdir(home);
  const env = modelUrl === null ? ownersEnvironment(process.env) : scriptedEnvironment({ home, url: modelUrl });
  const config = JSON.parse(await readFile(paths.config, "utf8")) as Record<string, unknown>;
  const sessions = { claudePath: await findClaude(), env };
  const ours = { ...config, sessions, scheduler: { maxParallelJobs: 4 } };
  await writeFile(paths.config, `${JSON.stringify(ours, null, 2)}\n`);
  await writeFile(paths.jobs, `${JSON.stringify(DEMO_JOBS, null, 2)}\n`);
}

/** The owner's variables for Claude have no say over runs with a scripted model, and no proxy stands before it. */
function environment(modelUrl: string | null): Record<string, string> {
  const env = outsideOfSession(process.env);
  if (modelUrl === null) return env;
  for (const name of Object.keys(env)) if (/^(ANTHROPIC|CLAUDE)_|_proxy$/i.test(name)) delete env[name];
  return env;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
