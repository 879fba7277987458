import { once } from "node:events";
import { createServer } from "node:net";
import { systemCode } from "../../shared/errors.ts";
import { readStatus } from "../../shared/lifecycle.ts";
import { type Check, fault, ok } from "./check.ts";

export const portCheck: Check = {
  name: "port",
  async examine({ paths, config }) {
    if (paths === null || config === null) return [];
    const { host, port } = config;
    const gateway = await readStatus(paths, "gateway");
    if (gateway?.state === "up") return [ok(`${host}:${port} is held by our gateway (pid ${gateway.pid})`)];
    const refused = await tryToListen(host, port);
    if (refused === null) return [ok(`${host}:${port} is free`)];
    if (refused === "EADDRINUSE") {
      return [fault(`${host}:${port} is held by another program`, "choose another: instar config set port <port>")];
    }
    return [fault(`nothing can listen on ${host}:${port} (${refused})`, "correct host and port in config.json")];
  },
};

/** Null: it is free; else the system's reason. */
async function tryToListen(host: string, port: number): Promise<string | null> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, "listening");
    return null;
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    return code;
  } finally {
    server.close();
  }
}
