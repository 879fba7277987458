import type { WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import { systemCode } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AgentPaths } from "../paths.ts";
import { type DaemonName, EVENTS, type EventName, type EventPayload } from "../protocol.ts";
import { decode, dial, encode, type Frame, REFUSED, socketPath } from "./wire.ts";

/** Doubled from the first to the last while nobody is there. */
const RETRY_MS = { first: 50, last: 2_000 };

export type BusEvent<N extends EventName> = {
  [K in N]: { readonly name: K; readonly payload: EventPayload<K> };
}[N];

export interface Following<N extends EventName> {
  readonly paths: AgentPaths;
  readonly daemon: DaemonName;
  readonly names: readonly N[];
  readonly onEvent: (event: BusEvent<N>) => void;
  /** From now on no event is missed until the connection breaks; what happened before is in the files. */
  readonly onConnected: () => void;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
}

/** Hears a daemon's events whenever it is there. */
export function follow<N extends EventName>({
  paths,
  daemon,
  names,
  onEvent,
  onConnected,
  clock,
  log,
}: Following<N>): Disposable {
  let socket: WebSocket | null = null;
  let retryMs = RETRY_MS.first;
  let timer: Disposable | null = null;
  let isClosed = false;

  const hear = (frame: Frame | string): void => {
    if (typeof frame === "string") refuse(frame);
    else if (frame.type === "hello" && frame.daemon === daemon)
      socket?.send(encode({ type: "subscribe", names: [...names] }));
    else if (frame.type === "subscribed") {
      retryMs = RETRY_MS.first;
      onConnected();
    } else if (frame.type === "event" && isWanted(frame.name)) {
      const payload = EVENTS[frame.name].safeParse(frame.payload);
      if (payload.success) onEvent({ name: frame.name, payload: payload.data } as BusEvent<N>);
      else refuse(`${frame.name} is not as declared`);
    } else refuse(`${frame.type} is not for me`);
  };
  const isWanted = (name: string): name is N => (names as readonly string[]).includes(name);
  const refuse = (reason: string): void => {
    log.warn({ daemon, reason }, "a daemon says what it may not; refused");
    socket?.close(REFUSED, reason);
  };
  const connect = async (): Promise<void> => {
    const path = await socketPath(paths, daemon);
    if (isClosed) return;
    const fresh = dial(path);
    socket = fresh;
    fresh.on("message", (data) => {
      if (!isClosed) hear(decode(data));
    });
    fresh.on("error", (error) => {
      if (!isAway(error) && !isClosed) log.warn({ error, daemon }, "the bus of a daemon is lost");
    });
    fresh.on("close", connectLater);
  };
  const connectLater = (): void => {
    if (isClosed) return;
    // Jitter: those who lost one daemon do not all come back at one instant.
    timer = clock.after(retryMs * (0.5 + Math.random() / 2), () => void connect().catch(onLost));
    retryMs = Math.min(retryMs * 2, RETRY_MS.last);
  };
  const onLost = (error: unknown): void => {
    log.warn({ error, daemon }, "cannot reach the bus of a daemon");
    connectLater();
  };
  connect().catch(onLost);
  return {
    [Symbol.dispose]() {
      isClosed = true;
      timer?.[Symbol.dispose]();
      socket?.terminate();
    },
  };
}

/** Not started yet, or killed, which leaves the socket's file behind. */
export function isAway(error: unknown): boolean {
  return ["ENOENT", "ECONNREFUSED", "ECONNRESET"].includes(systemCode(error) ?? "");
}
