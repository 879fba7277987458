import { once } from "node:events";
import { readlink, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { askOnce, type Bus, openBus } from "../../shared/bus.ts";
import { systemClock } from "../../shared/clock.ts";
import { InstarError } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import { readRun } from "../../shared/paths.ts";
import type { DaemonName } from "../../shared/protocol.ts";
import { tempAgent, type TempAgent } from "../support/temp-agent.ts";
import { until } from "../support/until.ts";

function memoryLog(): Log & { readonly said: string[] } {
  const said: string[] = [];
  const say = (fields: object | string, message?: string): void => {
    said.push(typeof fields === "string" ? fields : `${message} ${JSON.stringify(fields)}`);
  };
  const log = { said, debug: say, info: say, warn: say, error: say, child: () => log, hideSecret: () => undefined };
  return log;
}

async function open(agent: TempAgent, daemon: DaemonName, log: Log = memoryLog()): Promise<Bus> {
  return openBus(agent.paths, daemon, { clock: systemClock, log });
}

async function socketOf(agent: TempAgent, daemon: DaemonName): Promise<string> {
  return join((await readRun(agent.paths)) ?? "", `${daemon}.sock`);
}

/** A program that speaks the bus by hand. */
async function stranger(agent: TempAgent, daemon: DaemonName): Promise<{ socket: WebSocket; heard: string[] }> {
  const path = await socketOf(agent, daemon);
  const socket = new WebSocket("ws://bus/", { createConnection: () => connect(path) });
  const heard: string[] = [];
  socket.on("message", (data: Buffer) => heard.push(data.toString()));
  await once(socket, "open");
  return { socket, heard };
}

const claimed = { slug: "a", slot: "2026-01-01T00:00:00.000Z", attempt: 1 };

test("a subscriber hears the events it asked for, as declared, and no others", async () => {
  await using agent = await tempAgent();
  await using scheduler = await open(agent, "scheduler");
  await using gateway = await open(agent, "gateway");
  const heard: unknown[] = [];
  let isConnected = false;
  gateway.subscribe("scheduler", ["slot.claimed"], (event) => heard.push(event), {
    onConnected: () => (isConnected = true),
  });
  await until(() => isConnected);
  scheduler.publish("job.changed", { slug: "a" });
  scheduler.publish("slot.claimed", claimed);
  await until(() => heard.length > 0);
  expect(heard).toEqual([{ name: "slot.claimed", payload: claimed }]);
});

test("a subscription that was ended hears no more", async () => {
  await using agent = await tempAgent();
  await using scheduler = await open(agent, "scheduler");
  await using gateway = await open(agent, "gateway");
  const heard: string[] = [];
  const subscribe = (who: string): Disposable =>
    gateway.subscribe("scheduler", ["job.changed"], () => heard.push(who), {
      onConnected: () => heard.push(`${who} is there`),
    });
  const first = subscribe("first");
  subscribe("second");
  await until(() => heard.length === 2);
  first[Symbol.dispose]();
  scheduler.publish("job.changed", { slug: "a" });
  await until(() => heard.includes("second"));
  expect(heard).not.toContain("first");
});

test("a subscriber that is first waits for the daemon, and comes back to one that was gone", async () => {
  await using agent = await tempAgent();
  await using gateway = await open(agent, "gateway");
  const heard: string[] = [];
  let connections = 0;
  gateway.subscribe("scheduler", ["job.changed"], ({ payload }) => heard.push(payload.slug), {
    onConnected: () => (connections += 1),
  });
  const first = await open(agent, "scheduler");
  await until(() => connections === 1);
  first.publish("job.changed", { slug: "before" });
  await until(() => heard.length === 1);
  await first[Symbol.asyncDispose]();
  await using second = await open(agent, "scheduler");
  await until(() => connections === 2);
  second.publish("job.changed", { slug: "after" });
  await until(() => heard.length === 2);
  expect(heard).toEqual(["before", "after"]);
});

test("the socket of a daemon that was killed does not stand in its successor's way; a living one does", async () => {
  await using agent = await tempAgent();
  const program = await agent.start("telegram", { main: join(import.meta.dirname, "../support/daemons/bus.ts") });
  await program.ready;
  await expect(open(agent, "telegram")).rejects.toMatchObject({ code: "PLACE_TAKEN" });
  await program.kill();
  expect((await stat(await socketOf(agent, "telegram"))).isSocket()).toBe(true);
  await using _successor = await open(agent, "telegram");
});

test("only the owner may reach the socket", async () => {
  await using agent = await tempAgent();
  await using _scheduler = await open(agent, "scheduler");
  expect((await stat(await socketOf(agent, "scheduler"))).mode & 0o777).toBe(0o600);
});

test.each(["its socket file", "the whole run folder", "the link to it"])(
  "a daemon whose bus was removed, %s, is bound again, and those who are connected stay so",
  async (what) => {
    await using agent = await tempAgent();
    await using scheduler = await open(agent, "scheduler");
    await using gateway = await open(agent, "gateway");
    scheduler.answer("scheduler.look", () => ({}));
    const heard: string[] = [];
    let connections = 0;
    gateway.subscribe("scheduler", ["job.changed"], ({ payload }) => heard.push(payload.slug), {
      onConnected: () => (connections += 1),
    });
    await until(() => connections === 1);
    if (what === "the link to it") await rm(agent.paths.run);
    else if (what === "its socket file") await rm(await socketOf(agent, "scheduler"));
    else await rm(await readlink(agent.paths.run), { recursive: true });
    await until(async () => (await askOnce(agent.paths, "scheduler.look", {}, { timeoutMs: 5_000 })) !== undefined);
    scheduler.publish("job.changed", { slug: "still" });
    await until(() => heard.length === 1);
    expect(connections).toBe(1);
  },
);

test("a question is answered, or refused with the code, message and hint of the other end", async () => {
  await using agent = await tempAgent();
  await using scheduler = await open(agent, "scheduler");
  await using gateway = await open(agent, "gateway");
  scheduler.answer("job.trigger", ({ slug }) => {
    if (slug === "b") throw new InstarError("JOB_NOT_FOUND", "there is no job b", { hint: "instar job list" });
    return { slug, result: "started", slot: claimed.slot };
  });
  const ask = (slug: string): Promise<unknown> =>
    gateway.request("job.trigger", { slug, id: "1" }, { timeoutMs: 5_000 });
  expect(await ask("a")).toEqual({ slug: "a", result: "started", slot: claimed.slot });
  await expect(ask("b")).rejects.toMatchObject({
    code: "JOB_NOT_FOUND",
    message: "there is no job b",
    hint: "instar job list",
  });
});

test("a fault in an answer is told as failed, without its inside, and logged at the daemon", async () => {
  await using agent = await tempAgent();
  const log = memoryLog();
  await using scheduler = await open(agent, "scheduler", log);
  scheduler.answer("scheduler.look", () => {
    throw new TypeError("inside");
  });
  await expect(askOnce(agent.paths, "scheduler.look", {}, { timeoutMs: 5_000 })).rejects.toMatchObject({
    code: "FAILED",
    message: "scheduler.look failed",
  });
  expect(log.said.join()).toContain("an answer failed");
});

test("a question nobody answers in time is a timeout; one to nobody, or whose daemon goes, is unavailable", async () => {
  await using agent = await tempAgent();
  const ask = (timeoutMs: number): Promise<unknown> => askOnce(agent.paths, "scheduler.look", {}, { timeoutMs });
  await expect(ask(5_000)).rejects.toMatchObject({ code: "UNAVAILABLE", message: "scheduler is away" });
  const scheduler = await open(agent, "scheduler");
  await expect(ask(5_000)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  let asked = 0;
  scheduler.answer("scheduler.look", () => {
    asked += 1;
    return new Promise(() => undefined);
  });
  await expect(ask(50)).rejects.toMatchObject({ code: "TIMEOUT" });
  await until(() => asked === 1);
  const left = ask(60_000).catch((error: unknown) => error);
  await until(() => asked === 2);
  await scheduler[Symbol.asyncDispose]();
  expect(await left).toMatchObject({ code: "UNAVAILABLE" });
});

test("a daemon that asked one that was gone asks its successor on a new line", async () => {
  await using agent = await tempAgent();
  await using gateway = await open(agent, "gateway");
  const serveAndAsk = async (): Promise<void> => {
    await using scheduler = await open(agent, "scheduler");
    scheduler.answer("scheduler.look", () => ({}));
    await gateway.request("scheduler.look", {}, { timeoutMs: 5_000 });
  };
  await serveAndAsk();
  await expect(gateway.request("scheduler.look", {}, { timeoutMs: 5_000 })).rejects.toMatchObject({
    code: "UNAVAILABLE",
  });
  await serveAndAsk();
});

test.each([
  ["no JSON", "{", "not JSON"],
  ["an unknown type", '{"v": 1, "type": "gossip"}', "no message of this bus"],
  [
    "an unknown field",
    '{"v": 1, "type": "subscribe", "names": ["job.changed"], "all": true}',
    "no message of this bus",
  ],
  ["an unknown event", '{"v": 1, "type": "subscribe", "names": ["job.eaten"]}', "no message of this bus"],
  ["another version", '{"v": 2, "type": "subscribe", "names": []}', "speaks version 2, not 1"],
  ["what only a daemon says", '{"v": 1, "type": "event", "name": "job.changed", "payload": {}}', "event is not for me"],
])("a peer that says %s is refused, and the others are not disturbed", async (_name, text, reason) => {
  await using agent = await tempAgent();
  await using scheduler = await open(agent, "scheduler");
  scheduler.answer("scheduler.look", () => ({}));
  const { socket } = await stranger(agent, "scheduler");
  socket.send(text);
  const [code, why] = await once(socket, "close");
  expect([code, String(why)]).toEqual([1008, reason]);
  await askOnce(agent.paths, "scheduler.look", {}, { timeoutMs: 5_000 });
});

test.each([
  ["an unknown question", { name: "job.eat", payload: {} }, "NOT_FOUND"],
  ["a question with a wrong payload", { name: "job.trigger", payload: { slug: "UPPER", id: "1" } }, "REQUEST_INVALID"],
  ["a question of the prototype", { name: "constructor", payload: {} }, "NOT_FOUND"],
])("%s is refused by its code", async (_name, question, code) => {
  await using agent = await tempAgent();
  await using scheduler = await open(agent, "scheduler");
  scheduler.answer("job.trigger", ({ slug }) => ({ slug, result: "started", slot: claimed.slot }));
  const { socket, heard } = await stranger(agent, "scheduler");
  socket.send(JSON.stringify({ v: 1, type: "request", id: 7, ...question }));
  await until(() => heard.length === 2);
  expect(JSON.parse(heard[1] ?? "")).toMatchObject({ type: "refusal", id: 7, error: { code } });
  socket.terminate();
});

test("a message above 1 MiB is not read", async () => {
  await using agent = await tempAgent();
  await using _scheduler = await open(agent, "scheduler");
  const { socket } = await stranger(agent, "scheduler");
  socket.on("error", () => undefined);
  socket.send("x".repeat(1024 * 1024 + 1));
  const [code] = await once(socket, "close");
  expect(code).toBe(1009);
});

test("more questions at once than one peer may ask are refused, the others are answered", async () => {
  await using agent = await tempAgent();
  await using scheduler = await open(agent, "scheduler");
  await using gateway = await open(agent, "gateway");
  const release = Promise.withResolvers<Record<string, never>>();
  let asked = 0;
  scheduler.answer("scheduler.look", () => {
    asked += 1;
    return release.promise;
  });
  const answers = Array.from({ length: 70 }, () => gateway.request("scheduler.look", {}, { timeoutMs: 30_000 }));
  const settled = Promise.allSettled(answers);
  await until(() => asked === 64);
  await expect(answers[69]).rejects.toMatchObject({ code: "RATE_LIMITED" });
  release.resolve({});
  const words = (await settled).map(({ status }) => status);
  expect(words.filter((word) => word === "fulfilled")).toHaveLength(64);
});

test("a peer that does not read is cut, while another hears everything", async () => {
  await using agent = await tempAgent();
  const log = memoryLog();
  await using scheduler = await open(agent, "scheduler", log);
  await using gateway = await open(agent, "gateway");
  let heard = 0;
  let isConnected = false;
  gateway.subscribe("scheduler", ["job.changed"], () => (heard += 1), { onConnected: () => (isConnected = true) });
  const slow = await stranger(agent, "scheduler");
  slow.socket.send('{"v": 1, "type": "subscribe", "names": ["job.changed"]}');
  await until(() => slow.heard.length === 2 && isConnected);
  slow.socket.pause();
  let told = 0;
  await until(async () => {
    for (let count = 0; count < 1_000; count += 1) scheduler.publish("job.changed", { slug: "a".repeat(100) });
    told += 1_000;
    await until(() => heard === told);
    return log.said.some((line) => line.includes("does not read"));
  });
  slow.socket.on("error", () => undefined);
  slow.socket.resume();
  await until(() => slow.socket.readyState === WebSocket.CLOSED);
  scheduler.publish("job.changed", { slug: "a" });
  await until(() => heard > told);
  expect(heard).toBe(told + 1);
});

test("what a daemon is not declared to say or answer is a bug, told where it is made", async () => {
  await using agent = await tempAgent();
  await using gateway = await open(agent, "gateway");
  expect(() => gateway.publish("slot.claimed", claimed)).toThrow("gateway may not say slot.claimed");
  expect(() => gateway.answer("jobs.reload", () => ({ jobs: 0, invalid: [] }))).toThrow("answered by scheduler");
  await using scheduler = await open(agent, "scheduler");
  expect(() => scheduler.publish("job.changed", { slug: "UPPER" })).toThrow("must be 1 to 100");
});

test("a false daemon on the socket is refused, and the true one is found later", async () => {
  await using agent = await tempAgent();
  await using gateway = await open(agent, "gateway");
  const path = await socketOf(agent, "scheduler");
  const liar = createServer((socket) =>
    socket
      .on("error", () => undefined)
      .resume()
      .end("no HTTP\r\n\r\n"),
  ).listen(path);
  await once(liar, "listening");
  let connections = 0;
  gateway.subscribe("scheduler", ["job.changed"], () => undefined, { onConnected: () => (connections += 1) });
  await expect(gateway.request("scheduler.look", {}, { timeoutMs: 5_000 })).rejects.toMatchObject({
    code: "UNAVAILABLE",
  });
  liar.close();
  await once(liar, "close");
  await writeFile(path, "");
  await using _scheduler = await open(agent, "scheduler");
  await until(() => connections === 1);
});
