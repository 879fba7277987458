import { mkdir, writeFile } from "node:fs/promises";
import type { FastifyInstance } from "fastify";
import { createFace, type FaceDeps } from "../../daemons/gateway/server.ts";
import type { Route } from "../../daemons/gateway/route.ts";
import type { SuiteStatus } from "../../shared/agent-status.ts";
import { parseConfig } from "../../shared/config.ts";
import { InstarError } from "../../shared/errors.ts";
import type { DaemonStatus } from "../../shared/lifecycle.ts";
import { readJobViews } from "../../shared/job-views.ts";
import { agentPaths, type AgentPaths } from "../../shared/paths.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { tempDir } from "./temp.ts";

export const TOKEN = "the-right-token-of-this-test";
export const WITH_TOKEN = { host: "127.0.0.1:4040", authorization: `Bearer ${TOKEN}` };

export interface TestFace extends AsyncDisposable {
  readonly face: FastifyInstance;
  readonly paths: AgentPaths;
  readonly clock: FakeClock;
  /** What was logged at error. */
  readonly errors: unknown[];
}

export interface TestFaceOptions {
  readonly jobs?: readonly unknown[];
  readonly suite?: SuiteStatus;
  readonly scheduler?: Partial<DaemonStatus>;
  readonly bus?: FaceDeps["bus"];
  readonly requestTimeoutMs?: number;
  readonly routes?: readonly Route[];
}

const AT = "2026-11-20T11:00:00.000Z";
const UP = { state: "up", pid: 7, since: AT, restarts: 0, complains: false } as const;
const OFF = { state: "off", pid: null, since: null, restarts: 0, complains: false } as const;

/** A suite that is well. */
export const WELL: SuiteStatus = {
  running: true,
  supervisor: "foreground",
  url: "http://127.0.0.1:4040",
  daemons: { gateway: UP, scheduler: UP, telegram: OFF, dispatch: OFF, updater: OFF },
};

const nobody: FaceDeps["bus"] = {
  request: () => Promise.reject(new InstarError("UNAVAILABLE", "the scheduler is not running")),
};

/** The HTTP API over an agent's files, without a port and without the other daemons. */
export async function testFace(options: TestFaceOptions = {}): Promise<TestFace> {
  const temp = await tempDir();
  const paths = agentPaths(temp.path);
  await mkdir(paths.instar, { mode: 0o700 });
  await writeFile(paths.jobs, JSON.stringify(options.jobs ?? []));
  const config = parseConfig(JSON.stringify({ projectName: "test", auth: { token: TOKEN } }), paths);
  const clock = createFakeClock();
  const errors: unknown[] = [];
  const scheduler: DaemonStatus = {
    version: 1,
    name: "scheduler",
    pid: 7,
    startTime: "1",
    bootId: "b",
    since: AT,
    state: "up",
    release: "0",
    concerns: {},
    ...options.scheduler,
  };
  const face = createFace(
    {
      paths,
      clock,
      release: "1.2.3",
      startedMs: 0,
      rssBytes: () => 50_000_000,
      bus: options.bus ?? nobody,
      config: () => config,
      token: () => TOKEN,
      suite: { status: () => options.suite ?? WELL, scheduler: () => scheduler },
      jobs: { read: () => readJobViews(paths, { nowMs: clock.now(), config }), drop: () => undefined },
      listen: { host: "127.0.0.1", requestTimeoutMs: options.requestTimeoutMs ?? 30_000 },
      log: { debug: () => undefined, error: (fields) => void errors.push(fields) },
    },
    options.routes,
  );
  return {
    face,
    paths,
    clock,
    errors,
    async [Symbol.asyncDispose]() {
      await face.close();
      await temp[Symbol.asyncDispose]();
    },
  };
}
