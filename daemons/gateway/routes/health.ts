import { z } from "zod";
import { DaemonView } from "../../../shared/agent-status.ts";
import { Instant } from "../../../shared/protocol.ts";
import { route, type RouteDeps } from "../route.ts";

const Health = z.object({
  status: z.enum(["ok", "degraded"]).describe("degraded: a daemon is away, or complains; daemons tells which"),
  version: z.string(),
  uptimeMs: z.int().describe("of this gateway"),
  node: z.string().optional().describe("this and all below: only with the token"),
  sessions: z.object({ running: z.int(), max: z.int() }).optional(),
  scheduler: z.object({ running: z.boolean(), paused: z.boolean() }).optional(),
  memory: z.object({ rssBytes: z.int() }).optional(),
  daemons: z
    .record(
      z.string(),
      z.object({ state: DaemonView.shape.state, since: Instant.nullable(), detail: z.string().optional() }),
    )
    .optional(),
});

/** O(1) by what it may use: what is at hand of the suite's status files. It reads nothing and asks nobody. */
export const healthRoute = route({
  method: "GET",
  path: "/health",
  summary: "Whether the suite is well; without a token only status, version and uptimeMs",
  isOpen: true,
  answer: Health,
  handle({ isTrusted }, deps) {
    const { suite, clock } = deps;
    const open = {
      status: isWell(deps) ? ("ok" as const) : ("degraded" as const),
      version: deps.release,
      uptimeMs: Math.round(clock.monotonicMs() - deps.startedMs),
    };
    if (!isTrusted) return open;
    const daemons = Object.entries(suite.status().daemons).map(([name, { state, since, detail }]) => {
      return [name, { state, since, ...(detail === undefined ? {} : { detail }) }] as const;
    });
    return {
      ...open,
      node: process.version,
      sessions: sessionsOf(deps),
      scheduler: schedulerOf(deps),
      memory: { rssBytes: deps.rssBytes() },
      daemons: Object.fromEntries(daemons),
    };
  },
});

/** Agent sessions, by the scheduler's own account of them. */
export function sessionsOf({ suite, config }: Pick<RouteDeps, "suite" | "config">): { running: number; max: number } {
  const concerns = suite.scheduler()?.concerns;
  return {
    running: numberOf(concerns?.["sessionsRunning"]) ?? 0,
    max: numberOf(concerns?.["sessionsMax"]) ?? config().sessions.maxSessions,
  };
}

export function schedulerOf({ suite, config }: Pick<RouteDeps, "suite" | "config">): {
  running: boolean;
  paused: boolean;
} {
  const status = suite.scheduler();
  return {
    running: status?.state === "up",
    paused: status?.concerns["paused"] !== undefined || !config().scheduler.enabled,
  };
}

function isWell({ suite }: Pick<RouteDeps, "suite">): boolean {
  const { daemons } = suite.status();
  return Object.values(daemons).every(({ state, complains }) => {
    if (state === "off" || state === "waiting") return true;
    return state === "up" && !complains;
  });
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
