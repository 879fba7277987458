/** A daemon that serves the bus, to be killed. */
import { openBus } from "../../../shared/bus.ts";
import { runDaemon } from "../../../shared/lifecycle.ts";

await runDaemon("telegram", async ({ paths, clock, log, stopped, ready }) => {
  await using _bus = await openBus(paths, "telegram", { clock, log });
  ready();
  await stopped;
});
