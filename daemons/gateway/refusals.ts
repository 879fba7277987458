import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { z } from "zod";
import { CATALOGUE, type ErrorCode, InstarError, isInstarError, systemCode } from "../../shared/errors.ts";
import { RateLimited } from "./limit.ts";
import type { Refusal } from "./openapi.ts";

/** A failure as it goes over the wire. */
export interface WireRefusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: z.output<typeof Refusal>;
}

/** How a failure is told to a client; null for a bug, whose words stay in the log. */
export function refusalOf(error: unknown, limits: { readonly timeoutMs: number }): WireRefusal | null {
  const known = isInstarError(error) ? error : fromFastify(error, limits);
  if (!known) return null;
  const { code, message, hint } = known;
  return {
    status: CATALOGUE[code].http,
    headers: headersOf(known),
    body: { error: { code, message, ...(hint === undefined ? {} : { hint }) } },
  };
}

function headersOf(error: InstarError): Record<string, string> {
  if (error instanceof RateLimited) return { "retry-after": String(error.retryAfterS) };
  switch (error.code) {
    case "UNAUTHORIZED":
      return { "www-authenticate": 'Bearer realm="instar"' };
    case "LOCK_BUSY":
      return { "retry-after": "1" };
    case "TIMEOUT":
    case "TOO_LARGE":
      // What is still on its way would be read as the next request.
      return { connection: "close" };
    default:
      return {};
  }
}

/** Fastify's own refusals, in our words. https://fastify.dev/docs/latest/Reference/Errors/ */
function fromFastify(error: unknown, { timeoutMs }: { readonly timeoutMs: number }): InstarError | null {
  switch (systemCode(error)) {
    case "FST_ERR_HANDLER_TIMEOUT":
      return new InstarError("TIMEOUT", `no answer was ready within ${timeoutMs} ms`, {
        hint: "requestTimeoutMs of config.json is the limit",
      });
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new InstarError("TOO_LARGE", `the body is larger than ${MAX_BODY_BYTES} bytes`);
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new InstarError("MEDIA_TYPE", "a body must be JSON", {
        hint: 'send the header "Content-Type: application/json"',
      });
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new InstarError("REQUEST_INVALID", "the body is not as long as its Content-Length says");
    case "FST_ERR_BAD_URL":
      return new InstarError("REQUEST_INVALID", "the path is not a valid URL");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new InstarError("NOT_FOUND", "a name in the path is too long");
    default:
      return null;
  }
}

/** No request of today has a body worth more. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Answers what never became a request: broken HTTP, and clients that are too slow to say what they want. */
export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const [status, code, message] = connectionRefusal(error.code);
  const body = JSON.stringify({ error: { code, message } });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroySoon());
}

function connectionRefusal(code: string | undefined): readonly [status: number, code: ErrorCode, message: string] {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return [408, "TIMEOUT", "the request took too long to arrive"];
  if (code === "HPE_HEADER_OVERFLOW") return [431, "TOO_LARGE", "the headers are larger than 16384 bytes"];
  return [400, "REQUEST_INVALID", "this is not HTTP/1.1"];
}
