#!/usr/bin/env node
/**
 * instar-scheduler: decides what runs and when, and runs it.
 *
 * Reads      config.json, jobs.json, the quota file, spool/triggers, what the wrappers leave in the run folders
 * Writes     state/scheduler: slots (the journals), runs, events, view.json
 * Publishes  job.changed, slot.claimed, slot.started, slot.finished, slot.skipped, event.told
 * Answers    scheduler.look, jobs.reload, job.trigger
 */
import { openBus } from "../../shared/bus.ts";
import { openEvents } from "../../shared/events.ts";
import { runDaemon } from "../../shared/lifecycle.ts";
import { keepScheduling } from "./scheduler.ts";

await runDaemon("scheduler", async (life) => {
  await using bus = await openBus(life.paths, "scheduler", life);
  await using events = await openEvents(life.paths, "scheduler", life);
  await keepScheduling({ life, bus, events });
});
