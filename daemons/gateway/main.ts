#!/usr/bin/env node
/**
 * instar-gateway: the HTTP face of an agent.
 *
 * Reads      config.json, jobs.json, state/scheduler, the event files, the status files of the suite
 * Writes     jobs.json (enabled), spool/triggers, state/gateway: events
 * Publishes  event.told
 * Answers    HTTP, on host and port of config.json
 */
import { openBus } from "../../shared/bus.ts";
import { openEvents } from "../../shared/events.ts";
import { runDaemon } from "../../shared/lifecycle.ts";
import { openJobBoard } from "./job-board.ts";
import { serveHttp } from "./serve.ts";
import { followSuite } from "./suite.ts";
import { tellStart } from "./telling.ts";

await runDaemon("gateway", async (life) => {
  await using bus = await openBus(life.paths, "gateway", life);
  await using suite = await followSuite(life);
  using jobs = openJobBoard({ paths: life.paths, clock: life.clock, config: life.config, bus });
  await using events = await openEvents(life.paths, "gateway", life);
  await tellStart({ life, events, bus });
  await serveHttp({ life, bus, suite, jobs });
});
