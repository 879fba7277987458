import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import type { Clock } from "../clock.ts";
import { InstarError, systemCode } from "../errors.ts";
import type { Log } from "../log.ts";
import { type AgentPaths, ensureRun, inodeOf } from "../paths.ts";
import type { DaemonName } from "../protocol.ts";
import { LIMITS } from "./wire.ts";

/** How often the socket's file is looked after: others may remove it, and then nobody new finds us. */
const LOOK_MS = 2_000;

export interface BusDeps {
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
}

/** Serves WebSockets on the daemon's own socket, and binds it again when its file is gone. PLACE_TAKEN when another serves it. */
export async function serve(
  paths: AgentPaths,
  daemon: DaemonName,
  { clock, log }: BusDeps,
): Promise<{ readonly sockets: WebSocketServer } & AsyncDisposable> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: LIMITS.messageBytes, perMessageDeflate: false });
  let bound = await bind(paths, daemon, sockets);
  let isClosed = false;
  let looking: Promise<void> = Promise.resolve();
  let timer: Disposable;

  const look = async (): Promise<void> => {
    // Through the link: without it, too, nobody finds us.
    if ((await inodeOf(paths.socket(daemon))) === bound.inode) return;
    // First: closing unlinks whatever has our path, and that would be the new socket.
    bound.server.close();
    bound = await bind(paths, daemon, sockets);
    log.warn("the socket's file was removed; bound again");
  };
  const lookLater = (): void => {
    timer = clock.after(LOOK_MS, () => {
      looking = look()
        .catch((error: unknown) => log.warn({ error }, "cannot bind the socket again"))
        .then(() => {
          if (!isClosed) lookLater();
        });
    });
  };
  lookLater();
  return {
    sockets,
    async [Symbol.asyncDispose]() {
      isClosed = true;
      timer[Symbol.dispose]();
      await looking;
      for (const socket of sockets.clients) socket.terminate();
      bound.server.close();
      sockets.close();
    },
  };
}

interface Bound {
  readonly server: Server;
  readonly inode: number | null;
}

async function bind(paths: AgentPaths, daemon: DaemonName, sockets: WebSocketServer): Promise<Bound> {
  const path = join(await ensureRun(paths), `${daemon}.sock`);
  if (await answers(path)) throw new InstarError("PLACE_TAKEN", `another process serves ${path}`);
  await rm(path, { force: true });
  const server = createServer((_request, response) => response.writeHead(426).end());
  server.on("upgrade", (request, socket, head) => {
    if (sockets.clients.size >= LIMITS.peers) socket.destroy();
    else sockets.handleUpgrade(request, socket, head, (peer) => sockets.emit("connection", peer, request));
  });
  server.listen(path);
  await once(server, "listening");
  // The run folder is 0700 already.
  await chmod(path, 0o600);
  return { server, inode: await inodeOf(path) };
}

/** Whether a process listens there; the file of one that was killed stays. */
async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    if (["ENOENT", "ECONNREFUSED", "ENOTSOCK"].includes(systemCode(error) ?? "")) return false;
    throw error;
  } finally {
    socket.destroy();
  }
}
