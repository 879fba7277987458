import { z } from "zod";
import { EVENT_TYPES, EventRecord, EventType, readEvents } from "../../../shared/events.ts";
import { Slug } from "../../../shared/protocol.ts";
import { route, wholeNumber } from "../route.ts";

const HOUR_MS = 3_600_000;

export const eventsRoute = route({
  method: "GET",
  path: "/events",
  summary: "What happened, newest first",
  query: z.strictObject({
    limit: wholeNumber("at most so many", { min: 1, max: 1000, fallback: 50 }),
    since: wholeNumber("hours to look back", { min: 1, max: 720, fallback: 24 }),
    type: z
      .union([EventType, z.array(EventType)], { error: `must be one of ${EVENT_TYPES.join(", ")}` })
      .optional()
      .describe("only these; may be given several times"),
    slug: Slug.optional().describe("only of this job"),
  }),
  answer: z.array(EventRecord),
  handle: ({ query: { limit, since, type, slug } }, { paths, clock }) =>
    readEvents(paths, {
      limit,
      sinceMs: clock.now() - since * HOUR_MS,
      types: typeof type === "string" ? [type] : type,
      slug,
    }),
});
