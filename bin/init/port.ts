import { createServer } from "node:net";
import { once } from "node:events";
import { InstarError, systemCode } from "../../shared/errors.ts";

const FIRST = 4040;
const MOST_TRIED = 100;

/** The first port from 4040 upwards on which nobody listens now. */
export async function freePort(): Promise<number> {
  for (let port = FIRST; port < FIRST + MOST_TRIED; port += 1) if (await isFree(port)) return port;
  throw new InstarError("UNAVAILABLE", `no port from ${FIRST} to ${FIRST + MOST_TRIED - 1} is free`, {
    hint: "choose one: instar init --port <number>",
  });
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch (error) {
    if (systemCode(error) === "EADDRINUSE" || systemCode(error) === "EACCES") return false;
    throw error;
  }
  server.close();
  await once(server, "close");
  return true;
}
