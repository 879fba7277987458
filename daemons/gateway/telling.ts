import type { Bus } from "../../shared/bus.ts";
import { isInstarError } from "../../shared/errors.ts";
import { type Events, startedEvent } from "../../shared/events.ts";
import type { Life } from "../../shared/lifecycle.ts";

/** Tells that this gateway started. A full disk keeps that untold, and nobody from being served. */
export async function tellStart(deps: {
  readonly life: Pick<Life, "status" | "log">;
  readonly events: Pick<Events, "tell">;
  readonly bus: Pick<Bus, "publish">;
}): Promise<void> {
  try {
    await deps.events.tell(startedEvent(deps.life.status()));
    deps.bus.publish("event.told", {});
  } catch (error) {
    if (!isInstarError(error)) throw error;
    deps.life.log.warn({ error }, "cannot tell that the gateway started");
  }
}
