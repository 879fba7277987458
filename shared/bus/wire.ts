import { connect } from "node:net";
import { join } from "node:path";
import { WebSocket } from "ws";
import { z } from "zod";
import { CATALOGUE, type ErrorCode, InstarError } from "../errors.ts";
import { type AgentPaths, readRun } from "../paths.ts";
import { BUS_VERSION, DaemonName, EVENTS, type EventName } from "../protocol.ts";

/** A limit on everything that one process can ask another to hold. */
export const LIMITS = {
  messageBytes: 1024 * 1024,
  /** What may wait for a peer that does not read. */
  bufferedBytes: 4 * 1024 * 1024,
  peers: 64,
  /** Questions of one peer that are being answered. */
  questions: 64,
} as const;

const version = z.literal(BUS_VERSION);
const id = z.int().nonnegative();

/** Everything that one end may send to the other. */
const Frame = z.discriminatedUnion("type", [
  z.strictObject({ v: version, type: z.literal("hello"), daemon: DaemonName }),
  z.strictObject({
    v: version,
    type: z.literal("subscribe"),
    names: z.array(z.enum(Object.keys(EVENTS) as [EventName, ...EventName[]])).min(1),
  }),
  z.strictObject({ v: version, type: z.literal("subscribed") }),
  z.strictObject({ v: version, type: z.literal("event"), name: z.string(), payload: z.unknown() }),
  z.strictObject({ v: version, type: z.literal("request"), id, name: z.string(), payload: z.unknown() }),
  z.strictObject({ v: version, type: z.literal("response"), id, payload: z.unknown() }),
  z.strictObject({
    v: version,
    type: z.literal("refusal"),
    id,
    error: z.strictObject({
      code: z.enum(Object.keys(CATALOGUE) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      hint: z.string().optional(),
    }),
  }),
]);
export type Frame = z.output<typeof Frame>;
type Unversioned<F> = F extends unknown ? Omit<F, "v"> : never;

/** TOO_LARGE where the other end would hang up on it. */
export function encode(frame: Unversioned<Frame>): string {
  const text = JSON.stringify({ v: BUS_VERSION, ...frame });
  if (Buffer.byteLength(text) <= LIMITS.messageBytes) return text;
  throw new InstarError("TOO_LARGE", `a message of the bus is more than ${LIMITS.messageBytes} bytes`);
}

/** The frame, or what is wrong with it, short enough for a close reason. */
export function decode(data: unknown): Frame | string {
  let value: unknown;
  try {
    value = JSON.parse(String(data));
  } catch (error) {
    if (error instanceof SyntaxError) return "not JSON";
    throw error;
  }
  const spoken = z.object({ v: z.int() }).safeParse(value);
  if (spoken.success && spoken.data.v !== BUS_VERSION) return `speaks version ${spoken.data.v}, not ${BUS_VERSION}`;
  const frame = Frame.safeParse(value);
  return frame.success ? frame.data : "no message of this bus";
}

/** RFC 6455, 7.4.1: policy violation. */
export const REFUSED = 1008;

/** Where a daemon serves the bus. The run folder itself: the link to it is too long for a socket. */
export async function socketPath(paths: AgentPaths, daemon: DaemonName): Promise<string> {
  return join((await readRun(paths)) ?? paths.run, `${daemon}.sock`);
}

/** The ws+unix: form of an address would trip over some folders' names. */
export function dial(path: string): WebSocket {
  return new WebSocket("ws://bus/", {
    createConnection: () => connect(path),
    maxPayload: LIMITS.messageBytes,
    perMessageDeflate: false,
  });
}
