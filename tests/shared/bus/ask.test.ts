import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askOnce } from "../../../shared/bus.ts";
import { readRun } from "../../../shared/paths.ts";
import { tempAgent } from "../../support/temp-agent.ts";
import { until } from "../../support/until.ts";

test("a daemon that is suspended does not hold who asked it: no connection outlives the question", async () => {
  await using agent = await tempAgent();
  const taken: Socket[] = [];
  // Like one that got SIGSTOP: the kernel takes connections, and nobody reads them.
  const silent = createServer((socket) => taken.push(socket)).listen(
    join((await readRun(agent.paths)) ?? "", "scheduler.sock"),
  );
  await once(silent, "listening");
  await expect(askOnce(agent.paths, "scheduler.look", {}, { timeoutMs: 200 })).rejects.toMatchObject({
    code: "TIMEOUT",
  });
  await until(() => taken.length === 1 && taken.every((socket) => socket.resume().readableEnded || socket.closed));
  silent.close();
});
