import { createAsker } from "./bus/ask.ts";
import { type BusEvent, follow } from "./bus/follow.ts";
import { receivePeers } from "./bus/peers.ts";
import { type BusDeps, serve } from "./bus/serve.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { AgentPaths } from "./paths.ts";
import type { DaemonName, EventName, EventPayload, RequestName, RequestPayload, ResponsePayload } from "./protocol.ts";

export type { BusEvent } from "./bus/follow.ts";

/**
 * How daemons talk: each serves its own socket, `run/<name>.sock`; who wants its events or an answer goes there. What is
 * said is declared in protocol.ts and checked at both ends. Nothing may hang on a message: the files hold the truth.
 */
export interface Bus extends AsyncDisposable {
  /** Tells whoever is there. Throws for what this daemon is not declared to say: a bug. */
  publish<N extends EventName>(name: N, payload: EventPayload<N>): void;
  /** Hears a daemon whenever it is there. `onConnected`: look again now, what was said before was not heard. */
  subscribe<N extends EventName>(
    daemon: DaemonName,
    names: readonly N[],
    onEvent: (event: BusEvent<N>) => void,
    options?: { readonly onConnected?: () => void },
  ): Disposable;
  /** TIMEOUT, UNAVAILABLE when the daemon is away, or what the daemon refused with. */
  request<N extends RequestName>(
    name: N,
    payload: RequestPayload<N>,
    options: { readonly timeoutMs: number },
  ): Promise<ResponsePayload<N>>;
  /** An InstarError that the handler throws reaches the asker as it is. */
  answer<N extends RequestName>(
    name: N,
    handler: (payload: RequestPayload<N>) => ResponsePayload<N> | Promise<ResponsePayload<N>>,
  ): Disposable;
}

/** Opens the bus as the daemon that holds its place. */
export async function openBus(
  paths: AgentPaths,
  daemon: DaemonName,
  deps: BusDeps & { readonly clock: Clock },
): Promise<Bus> {
  const { clock, log } = deps;
  const server = await serve(paths, daemon, deps);
  const peers = receivePeers(server.sockets, daemon, log);
  const asker = createAsker(paths, clock);
  const followed = new Set<Disposable>();
  return {
    publish: (name, payload) => peers.publish(name, payload),
    answer: (name, handler) => peers.answer(name, handler as (payload: unknown) => unknown),
    request: (name, payload, options) => asker.request(name, payload, options),
    subscribe(of, names, onEvent, { onConnected = () => undefined } = {}) {
      const following = follow({ paths, daemon: of, names, onEvent, onConnected, clock, log });
      followed.add(following);
      return {
        [Symbol.dispose]() {
          followed.delete(following);
          following[Symbol.dispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const following of followed) following[Symbol.dispose]();
      asker[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** One question of a program that is no daemon. Throws as `Bus.request` does. */
export async function askOnce<N extends RequestName>(
  paths: AgentPaths,
  name: N,
  payload: RequestPayload<N>,
  options: { readonly timeoutMs: number },
): Promise<ResponsePayload<N>> {
  using asker = createAsker(paths, systemClock);
  return await asker.request(name, payload, options);
}
