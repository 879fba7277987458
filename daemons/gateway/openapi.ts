import { z } from "zod";
import { CATALOGUE, type ErrorCode } from "../../shared/errors.ts";
import type { Route } from "./route.ts";

type Json = Record<string, unknown>;

/** What any route that needs the token can refuse with. */
const COMMON = ["REQUEST_INVALID", "UNAUTHORIZED", "FORBIDDEN", "TIMEOUT", "WRONG_HOST", "RATE_LIMITED"] as const;
const WITH_BODY = ["TOO_LARGE", "MEDIA_TYPE"] as const;

/** The answer to whatever is refused. */
export const Refusal = z.object({
  error: z.object({
    code: z.enum(Object.keys(CATALOGUE) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    hint: z.string().optional().describe("how to cure it"),
  }),
});

/** The OpenAPI 3.1 document of a table of routes. */
export function openApiDocument(routes: readonly Route[], release: string): Json {
  const paths: Record<string, Json> = {};
  for (const one of routes) {
    const path = one.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [one.method.toLowerCase()]: operationOf(one) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Instar", version: release, description: "The HTTP API of one agent, on loopback." },
    // Where the document was asked for: host and port are the agent's own.
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "auth.token of .instar/config.json" },
      },
      schemas: { Refusal: schemaOf(Refusal, "output") },
    },
  };
}

function operationOf(route: Route): Json {
  const isWriting = route.method !== "GET";
  const body = schemaOf(route.body, "input");
  const hasBody = Object.keys(body["properties"] ?? {}).length > 0;
  return {
    summary: route.summary,
    operationId: operationId(route),
    ...(route.isOpen ? { security: [{}, { token: [] }] } : {}),
    parameters: [...parametersOf(route.params, "path"), ...parametersOf(route.query, "query")],
    ...(hasBody ? { requestBody: { required: true, content: jsonOf(body) } } : {}),
    responses: {
      [route.status]: { description: route.summary, content: jsonOf(schemaOf(route.answer, "output")) },
      ...refusalsOf([...COMMON, ...(isWriting ? WITH_BODY : []), ...route.fails]),
    },
  };
}

function operationId({ method, path }: Route): string {
  const words = path.split("/").flatMap((part) => part.replaceAll(/\W/g, " ").trim().split(" "));
  return [method.toLowerCase(), ...words.filter((word) => word !== "")]
    .map((word, at) => (at === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join("");
}

function parametersOf(schema: z.ZodType, where: "path" | "query"): Json[] {
  const { properties = {}, required = [] } = schemaOf(schema, "input") as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: required.includes(name),
    description,
    schema: rest,
  }));
}

/** By status: several codes may share one. */
function refusalsOf(codes: readonly ErrorCode[]): Json {
  const byStatus = Map.groupBy(new Set(codes), (code) => CATALOGUE[code].http);
  const entries = [...byStatus].map(([status, shared]) => {
    const content = jsonOf({ $ref: "#/components/schemas/Refusal" });
    return [status, { description: shared.join(", "), content }] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => a - b));
}

function jsonOf(schema: Json): Json {
  return { "application/json": { schema } };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: "draft-2020-12" }) as Json;
  return rest;
}
