import { z } from "zod";
import { openApiDocument } from "./openapi.ts";
import { route, type Route } from "./route.ts";
import { eventsRoute } from "./routes/events.ts";
import { healthRoute } from "./routes/health.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { statusRoute } from "./routes/status.ts";

/** Every route there is. */
export const ROUTES: readonly Route[] = [
  healthRoute,
  statusRoute,
  ...jobRoutes,
  eventsRoute,
  route({
    method: "GET",
    path: "/openapi.json",
    summary: "This API, as an OpenAPI document",
    answer: z.record(z.string(), z.unknown()),
    handle: (_ask, { release }) => openApiDocument(ROUTES, release),
  }),
];
