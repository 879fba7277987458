import type { FastifyInstance } from "fastify";
import { urlOf } from "../../shared/agent-status.ts";
import type { Bus } from "../../shared/bus.ts";
import { pause } from "../../shared/clock.ts";
import { type Config, resolveSecret } from "../../shared/config.ts";
import { describeError, InstarError, systemCode } from "../../shared/errors.ts";
import type { Life } from "../../shared/lifecycle.ts";
import { watchFolder } from "../../shared/watch.ts";
import type { JobBoard } from "./job-board.ts";
import { sampled } from "./sampled.ts";
import { createFace } from "./server.ts";
import type { Suite } from "./suite.ts";

export interface ServeDeps {
  readonly life: Pick<
    Life,
    "paths" | "clock" | "log" | "config" | "onConfig" | "release" | "ready" | "setConcern" | "signal"
  >;
  readonly bus: Pick<Bus, "request">;
  readonly suite: Suite;
  readonly jobs: JobBoard;
}

/** How often a port that another program holds is tried again. */
const RETRY_MS = 2000;
/** A token's file may lie where nobody tells of its changes. */
const REREAD_MS = 30_000;

/** Serves until the daemon is told to end; listens anew when config.json says another place or limit. */
export async function serveHttp({ life, bus, suite, jobs }: ServeDeps): Promise<void> {
  const startedMs = life.clock.monotonicMs();
  await using token = await followToken(life);
  const rssBytes = sampled(() => process.memoryUsage.rss(), { everyMs: 1000, clock: life.clock });
  let isReady = false;
  let told: string | null = null;
  while (!life.signal.aborted) {
    const listen = listenOf(life.config());
    const { paths, clock, log, config, release } = life;
    const { current } = token;
    await using face = createFace({
      paths,
      clock,
      log,
      config,
      release,
      startedMs,
      suite,
      rssBytes,
      jobs,
      bus,
      listen,
      token: current,
    });
    const fault = await listenFault(face, listen);
    life.setConcern("port", fault);
    if (fault !== null) {
      // It may be free again soon, or config.json name another.
      if (fault !== told) log.error({ hint: "choose another: instar config set port <number>" }, fault);
      told = fault;
      await pause(clock, RETRY_MS, life.signal);
      continue;
    }
    told = null;
    log.info({ url: urlOf(listen) }, "listening");
    if (!isReady) life.ready();
    isReady = true;
    await otherListen(life, listen);
  }
}

type Listen = Pick<Config, "host" | "port" | "requestTimeoutMs">;

function listenOf({ host, port, requestTimeoutMs }: Config): Listen {
  return { host, port, requestTimeoutMs };
}

/** Resolves when config.json wants another place, or the daemon is to end. */
function otherListen({ config, onConfig, signal }: ServeDeps["life"], listen: Listen): Promise<void> {
  return new Promise((resolve) => {
    const look = (changed: Config): void => {
      if (!signal.aborted && JSON.stringify(listenOf(changed)) === JSON.stringify(listen)) return;
      following[Symbol.dispose]();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const end = (): void => look(config());
    const following = onConfig(look);
    signal.addEventListener("abort", end);
    look(config());
  });
}

/** Why the place cannot be had; null: it is listened on. */
async function listenFault(face: FastifyInstance, { host, port }: Listen): Promise<string | null> {
  try {
    await face.listen({ host, port });
    return null;
  } catch (error) {
    if (!systemCode(error)) throw error;
    const why = systemCode(error) === "EADDRINUSE" ? "another program has that port" : describeError(error);
    return `cannot listen on ${host} port ${port}: ${why}`;
  }
}

/**
 * The token of config.json, or of the file that it names: runs are handed what stands there now. One that cannot be read
 * later leaves the last one in force, and is said.
 */
async function followToken({
  paths,
  clock,
  log,
  config,
  onConfig,
  setConcern,
}: ServeDeps["life"]): Promise<AsyncDisposable & { readonly current: () => string }> {
  const read = async (from: Config): Promise<string> => {
    const token = await resolveSecret(paths, from.auth.token);
    log.hideSecret(token);
    return token;
  };
  let token = await read(config());
  let reading: Promise<void> = Promise.resolve();
  let told: string | null = null;
  const readNow = async (): Promise<void> => {
    try {
      token = await read(config());
      told = null;
    } catch (error) {
      if (!(error instanceof InstarError)) throw error;
      if (told !== error.message)
        log.error({ error }, "the token of config.json cannot be read; the last one stays in force");
      told = error.message;
    }
    setConcern("token", told);
  };
  const readAgain = (): void => {
    reading = reading.then(readNow);
  };
  let timer: Disposable | null = null;
  const readByTime = (): void => {
    timer = clock.after(REREAD_MS, () => {
      if (typeof config().auth.token !== "string") readAgain();
      readByTime();
    });
  };
  readByTime();
  const watching = watchFolder(paths.secrets, { onNews: readAgain });
  const following = onConfig(readAgain);
  return {
    current: () => token,
    async [Symbol.asyncDispose]() {
      timer?.[Symbol.dispose]();
      watching[Symbol.dispose]();
      following[Symbol.dispose]();
      await reading;
    },
  };
}
