import { once } from "node:events";
import type { WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import { InstarError } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";
import { type DaemonName, type RequestName, type RequestPayload, REQUESTS, type ResponsePayload } from "../protocol.ts";
import { isAway } from "./follow.ts";
import { decode, dial, encode, type Frame, socketPath } from "./wire.ts";

/** The asking end: one connection a daemon, opened when it is first asked, and again after it was lost. */
export interface Asker extends Disposable {
  /** TIMEOUT, UNAVAILABLE when the daemon is away or goes before it answered, or what the daemon refused with. */
  request<N extends RequestName>(
    name: N,
    payload: RequestPayload<N>,
    options: { readonly timeoutMs: number },
  ): Promise<ResponsePayload<N>>;
}

interface Line {
  readonly socket: WebSocket;
  readonly pending: Map<number, PromiseWithResolvers<unknown>>;
}

export function createAsker(paths: AgentPaths, clock: Pick<Clock, "after">): Asker {
  const lines = new Map<DaemonName, Promise<Line>>();
  /** Those that are not open yet, too: a daemon that is suspended takes a connection and says nothing. */
  const sockets = new Set<WebSocket>();
  let lastId = 0;

  const lineTo = (daemon: DaemonName): Promise<Line> => {
    const known = lines.get(daemon);
    if (known) return known;
    const forget = (): void => {
      if (lines.get(daemon) === line) lines.delete(daemon);
    };
    const line = openLine(paths, daemon, (socket) => {
      sockets.add(socket);
      socket.on("close", () => {
        sockets.delete(socket);
        forget();
      });
    });
    line.catch(forget);
    lines.set(daemon, line);
    return line;
  };
  return {
    async request(name, payload, { timeoutMs }) {
      const daemon = REQUESTS[name].owner;
      const id = (lastId += 1);
      const text = encode({ type: "request", id, name, payload });
      const answer = Promise.withResolvers<unknown>();
      using _limit = clock.after(timeoutMs, () => {
        answer.reject(new InstarError("TIMEOUT", `${daemon} did not answer ${name} within ${timeoutMs} ms`));
      });
      const asked = lineTo(daemon).then((line) => {
        line.pending.set(id, answer);
        line.socket.send(text);
        return line;
      });
      asked.catch(answer.reject);
      try {
        const parsed = REQUESTS[name].response.safeParse(await answer.promise);
        if (!parsed.success) throw new InstarError("FAILED", `${daemon} answered ${name} with what was not declared`);
        return parsed.data as ResponsePayload<typeof name>;
      } finally {
        void asked.then(
          (line) => line.pending.delete(id),
          () => undefined,
        );
      }
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.terminate();
    },
  };
}

async function openLine(paths: AgentPaths, daemon: DaemonName, onDial: (socket: WebSocket) => void): Promise<Line> {
  const socket = dial(await socketPath(paths, daemon));
  onDial(socket);
  const pending: Line["pending"] = new Map();
  const away = (cause?: unknown): InstarError => {
    const hint = isAway(cause) ? "`instar status` tells what runs; `instar server start` starts it" : undefined;
    return new InstarError("UNAVAILABLE", `${daemon} is away`, { cause, hint });
  };
  socket.on("message", (data) => settle(pending, decode(data)));
  socket.on("close", () => {
    for (const { reject } of pending.values()) reject(away());
  });
  try {
    await once(socket, "open");
  } catch (cause) {
    throw away(cause);
  }
  // What ends a line is told by "close".
  socket.on("error", () => undefined);
  return { socket, pending };
}

function settle(pending: Line["pending"], frame: Frame | string): void {
  if (typeof frame === "string") {
    for (const { reject } of pending.values()) reject(new InstarError("FAILED", `the bus said what is none: ${frame}`));
  } else if (frame.type === "response") pending.get(frame.id)?.resolve(frame.payload);
  else if (frame.type === "refusal") {
    const { code, message, hint } = frame.error;
    pending.get(frame.id)?.reject(new InstarError(code, message, { hint }));
  }
}
