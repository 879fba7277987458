import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { closest, faultsOf, parseJson } from "../../shared/config.ts";
import { InstarError, isInstarError } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import type { z } from "zod";
import { type Access, createAccess } from "./access.ts";
import { createLimit } from "./limit.ts";
import { MAX_BODY_BYTES, refusalOf, refuseConnection } from "./refusals.ts";
import type { Route, RouteDeps } from "./route.ts";
import { ROUTES } from "./routes.ts";

export interface FaceDeps extends RouteDeps {
  readonly log: Pick<Log, "debug" | "error">;
  readonly token: () => string;
  /** The address that is listened on, and how long a request may take: to arrive, and to be answered. */
  readonly listen: { readonly host: string; readonly requestTimeoutMs: number };
}

const MAX_CONNECTIONS = 256;
/** A connection that waits for its client's next request. */
const KEEP_ALIVE_MS = 10_000;
const OPEN = { isOpen: true };
const CLOSED = { isOpen: false };

/** The HTTP API, ready to listen: access first, then the route, its limit, its body, its answer. */
export function createFace(deps: FaceDeps, routes: readonly Route[] = ROUTES): FastifyInstance {
  const { listen, log } = deps;
  const timeoutMs = listen.requestTimeoutMs;
  const access = createAccess({ token: deps.token, address: listen.host, clock: deps.clock });
  const face = fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: timeoutMs,
    handlerTimeout: timeoutMs,
    // Idle in the middle: a client that does not read its answer.
    connectionTimeout: timeoutMs * 2,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    // Node looks for slow clients every 30 s, unless told otherwise.
    http: {
      connectionsCheckingInterval: Math.min(5000, Math.ceil(timeoutMs / 4)),
      headersTimeout: timeoutMs,
      maxHeaderSize: 16_384,
    },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
    routerOptions: { maxParamLength: 200 },
  });
  face.server.maxConnections = MAX_CONNECTIONS;

  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const refusal = refusalOf(admitted(access, request, error), { timeoutMs });
    const { method, url: route = "" } = request.routeOptions;
    if (!refusal) {
      log.error({ error, method, route }, "a request met a fault of ours");
      const hint = "the log tells more: instar logs gateway";
      return reply.code(500).send({ error: { code: "FAILED", message: "a fault of ours", hint } });
    }
    log.debug({ method, route, status: refusal.status, code: refusal.body.error.code }, "refused");
    return reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
  };

  // A page elsewhere must learn nothing, not even what routes there are: access is asked before anything else.
  face.addHook("onRequest", async (request, reply) => {
    reply.headers({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
    request.isTrusted = admit(access, request, request.is404 ? CLOSED : request.routeOptions.config);
  });
  face.decorateRequest("isTrusted", false);
  face.setErrorHandler((error, request, reply) => refuse(error, request, reply));
  face.setNotFoundHandler((request, reply) => refuse(unknownRoute(request, reply, routes), request, reply));
  face.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  face.setValidatorCompiler(() => () => true);
  face.removeAllContentTypeParsers();
  face.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: FastifyRequest, body: Buffer) =>
    parseBody(body),
  );
  for (const one of routes) addRoute(face, one, deps);
  return face;
}

declare module "fastify" {
  interface FastifyRequest {
    isTrusted: boolean;
  }
  interface FastifyContextConfig {
    isOpen?: boolean;
  }
}

function addRoute(face: FastifyInstance, route: Route, deps: RouteDeps): void {
  const limit =
    route.limit && createLimit(`requests of ${route.method} ${route.path}`, { ...route.limit, clock: deps.clock });
  face.route({
    method: route.method,
    url: route.path,
    config: route.isOpen ? OPEN : CLOSED,
    preParsing: async () => limit?.take(),
    async handler(request, reply) {
      const ask = {
        params: valid(route.params, request.params, "path"),
        query: valid(route.query, request.query, "query"),
        // Without a body fastify says undefined, or null.
        body: valid(route.body, request.body ?? undefined, "body"),
        isTrusted: request.isTrusted,
      };
      const answer = await route.handle(ask, deps);
      return reply.code(route.status).send(answer);
    },
  });
}

function admit(access: Access, request: FastifyRequest, config: { readonly isOpen?: boolean }): boolean {
  const { host, origin, authorization } = request.headers;
  return access.admit({ host, origin, authorization }, { isOpen: config.isOpen === true });
}

/** Fastify finds some faults before its hooks are run; whoever may not ask does not hear of them. */
function admitted(access: Access, request: FastifyRequest, error: unknown): unknown {
  const isEarly =
    error instanceof Error &&
    "code" in error &&
    ["FST_ERR_BAD_URL", "FST_ERR_MAX_PARAM_LENGTH"].includes(String(error.code));
  if (!isEarly) return error;
  try {
    admit(access, request, CLOSED);
    return error;
  } catch (refused) {
    return refused;
  }
}

function valid(schema: z.ZodType, value: unknown, where: string): unknown {
  const faults = faultsOf(schema, value, where);
  if (!Array.isArray(faults)) return faults.value;
  const [first = where, ...more] = faults;
  throw new InstarError("REQUEST_INVALID", more.length === 0 ? first : `${first} (and ${more.length} more)`);
}

function parseBody(bytes: Buffer): unknown {
  // `curl -H content-type:… -X POST` sends the header and nothing.
  if (bytes.length === 0) return undefined;
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), "body");
  } catch (cause) {
    if (isInstarError(cause)) throw new InstarError("REQUEST_INVALID", cause.message, { cause });
    if (cause instanceof TypeError) throw new InstarError("REQUEST_INVALID", "body: is no UTF-8 text", { cause });
    throw cause;
  }
}

function unknownRoute(request: FastifyRequest, reply: FastifyReply, routes: readonly Route[]): InstarError {
  const [path = ""] = request.url.split("?");
  const methods = routes.filter((one) => isPathOf(one, path)).map(({ method }) => method);
  if (methods.length > 0) {
    const allowed = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
    reply.header("allow", allowed);
    return new InstarError("METHOD_NOT_ALLOWED", `${request.method} is not for this path`, {
      hint: `allowed: ${allowed}`,
    });
  }
  const meant = closest(
    path,
    routes.map((one) => one.path),
  );
  const hint = meant === undefined ? "GET /openapi.json lists all routes" : `did you mean ${meant}?`;
  const shown = path.length > 100 ? `${path.slice(0, 100)}…` : path;
  return new InstarError("NOT_FOUND", `there is no ${request.method} ${shown}`, { hint });
}

function isPathOf(route: Route, path: string): boolean {
  const [parts, given] = [route.path.split("/"), path.split("/")];
  return parts.length === given.length && parts.every((part, at) => part.startsWith(":") || part === given[at]);
}
