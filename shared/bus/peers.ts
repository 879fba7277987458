import type { WebSocket, WebSocketServer } from "ws";
import { InstarError, isInstarError } from "../errors.ts";
import type { Log } from "../log.ts";
import {
  type DaemonName,
  EVENTS,
  type EventName,
  type EventPayload,
  PUBLISHERS,
  type RequestName,
  REQUESTS,
} from "../protocol.ts";
import { decode, encode, type Frame, LIMITS, REFUSED } from "./wire.ts";

type Handler = (payload: unknown) => unknown;
type Request = Extract<Frame, { type: "request" }>;

/** The serving end: those who subscribed here, and the questions that are answered here. */
export interface Peers {
  publish<N extends EventName>(name: N, payload: EventPayload<N>): void;
  answer(name: RequestName, handler: Handler): Disposable;
}

interface Peer {
  readonly socket: WebSocket;
  readonly names: Set<string>;
  questions: number;
}

export function receivePeers(sockets: WebSocketServer, daemon: DaemonName, log: Log): Peers {
  const peers = new Set<Peer>();
  const handlers = new Map<string, Handler>();

  const send = ({ socket }: Peer, text: string): void => {
    socket.send(text);
    if (socket.bufferedAmount <= LIMITS.bufferedBytes) return;
    log.warn({ bufferedBytes: socket.bufferedAmount }, "a peer does not read; cut");
    socket.terminate();
  };
  const answer = async (peer: Peer, request: Request): Promise<void> => {
    const text = await reply(request, peer.questions > LIMITS.questions);
    // The asker may be gone.
    if (peers.has(peer)) send(peer, text);
  };
  const reply = async ({ id, name, payload }: Request, isTooMany: boolean): Promise<string> => {
    try {
      if (isTooMany) throw new InstarError("RATE_LIMITED", `more than ${LIMITS.questions} questions at once`);
      return encode({ type: "response", id, payload: await work(name, payload) });
    } catch (error) {
      if (!isInstarError(error)) log.error({ error, request: name }, "an answer failed");
      const told = isInstarError(error) ? error : new InstarError("FAILED", `${name} failed`);
      const { code, message, hint } = told;
      return encode({ type: "refusal", id, error: { code, message, ...(hint === undefined ? {} : { hint }) } });
    }
  };
  const work = async (name: string, payload: unknown): Promise<unknown> => {
    if (!isRequest(name)) throw new InstarError("NOT_FOUND", `there is no request ${name.slice(0, 100)}`);
    const handler = handlers.get(name);
    if (!handler) throw new InstarError("UNAVAILABLE", `${daemon} does not answer ${name} now`);
    const asked = REQUESTS[name].request.safeParse(payload);
    if (!asked.success) throw new InstarError("REQUEST_INVALID", `${name}: ${asked.error.issues[0]?.message}`);
    return REQUESTS[name].response.parse(await handler(asked.data));
  };
  const hear = (peer: Peer, frame: Frame | string): void => {
    if (typeof frame === "string") refuse(peer, frame);
    else if (frame.type === "request") {
      peer.questions += 1;
      void answer(peer, frame).finally(() => (peer.questions -= 1));
    } else if (frame.type === "subscribe") {
      for (const name of frame.names) peer.names.add(name);
      send(peer, encode({ type: "subscribed" }));
    } else refuse(peer, `${frame.type} is not for me`);
  };
  const refuse = ({ socket }: Peer, reason: string): void => {
    log.warn({ reason }, "a peer says what it may not; refused");
    socket.close(REFUSED, reason);
  };
  sockets.on("connection", (socket) => {
    const peer: Peer = { socket, names: new Set(), questions: 0 };
    peers.add(peer);
    socket.on("message", (data) => hear(peer, decode(data)));
    socket.on("close", () => peers.delete(peer));
    socket.on("error", (error) => log.warn({ error }, "a peer of the bus is lost"));
    send(peer, encode({ type: "hello", daemon }));
  });

  return {
    publish(name, payload) {
      if (!(PUBLISHERS[daemon] as readonly EventName[]).includes(name))
        throw new Error(`${daemon} may not say ${name}`);
      const text = encode({ type: "event", name, payload: EVENTS[name].parse(payload) });
      for (const peer of peers) if (peer.names.has(name)) send(peer, text);
    },
    answer(name, handler) {
      if (REQUESTS[name].owner !== daemon)
        throw new Error(`${name} is answered by ${REQUESTS[name].owner}, not by ${daemon}`);
      if (handlers.has(name)) throw new Error(`${name} is answered already`);
      handlers.set(name, handler);
      return { [Symbol.dispose]: () => void handlers.delete(name) };
    },
  };
}

function isRequest(name: string): name is RequestName {
  return Object.hasOwn(REQUESTS, name);
}
