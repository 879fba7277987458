import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { z } from "zod";
import { route } from "../../../daemons/gateway/route.ts";
import { testFace, type TestFace, type TestFaceOptions, TOKEN } from "../../support/face.ts";

/** Short, so that a test of a limit does not take long; nothing hangs on how long it takes exactly. */
const TIMEOUT_MS = 300;

interface Client extends Disposable {
  readonly socket: Socket;
  send(text: string): void;
  /** Everything that was answered, when the server has hung up. */
  readonly answer: Promise<string>;
}

async function listen(options: TestFaceOptions = {}): Promise<TestFace & { client: () => Promise<Client> }> {
  const test = await testFace({ requestTimeoutMs: TIMEOUT_MS, ...options });
  await test.face.listen({ host: "127.0.0.1", port: 0 });
  const [address] = test.face.addresses();
  if (address === undefined || typeof address === "string") throw new Error("no port");
  const { port } = address;
  return Object.assign(test, {
    async client() {
      const socket = connect({ host: "127.0.0.1", port });
      await once(socket, "connect");
      let text = "";
      socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
      // A server that hangs up on what is still being sent resets the connection.
      socket.on("error", () => undefined);
      const answer = new Promise<string>((resolve) => socket.on("close", () => resolve(text)));
      return {
        socket,
        answer,
        send: (part: string) => void socket.write(part),
        [Symbol.dispose]: () => socket.destroy(),
      };
    },
  });
}

const LINE_ENDS = "\r\n\r\n";
const head = (method: string, path: string, ...headers: readonly string[]): string =>
  [`${method} ${path} HTTP/1.1`, "Host: 127.0.0.1", `Authorization: Bearer ${TOKEN}`, ...headers].join("\r\n");
const bodyOf = (answer: string): unknown => JSON.parse(answer.split(LINE_ENDS)[1] ?? "");

test("a client that does not finish its headers is answered 408", async () => {
  await using test = await listen();
  using client = await test.client();
  client.send(head("GET", "/status"));
  const answer = await client.answer;
  expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  expect(answer).toContain("Connection: close");
  expect(bodyOf(answer)).toEqual({ error: { code: "TIMEOUT", message: "the request took too long to arrive" } });
});

test("a client that does not finish its body is answered 408", async () => {
  await using test = await listen();
  using client = await test.client();
  client.send(`${head("PATCH", "/jobs/a", "Content-Type: application/json", "Content-Length: 100")}${LINE_ENDS}{"ena`);
  expect(await client.answer).toMatch(/^HTTP\/1\.1 408 /);
});

test("a client that drips its body byte by byte is answered 408", async () => {
  await using test = await listen();
  using client = await test.client();
  client.send(`${head("PATCH", "/jobs/a", "Content-Type: application/json", "Content-Length: 60000")}${LINE_ENDS}`);
  const drip = setInterval(() => client.send(" "), 20);
  try {
    expect(await client.answer).toMatch(/^HTTP\/1\.1 408 /);
  } finally {
    clearInterval(drip);
  }
});

test("an answer that is not ready in time is 408, and the connection is closed", async () => {
  const never = route({
    method: "GET",
    path: "/never",
    summary: "",
    answer: z.object({}),
    handle: () => new Promise<never>(() => undefined),
  });
  await using test = await listen({ routes: [never] });
  using client = await test.client();
  client.send(`${head("GET", "/never")}${LINE_ENDS}`);
  const answer = await client.answer;
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(bodyOf(answer)).toEqual({
    error: {
      code: "TIMEOUT",
      message: `no answer was ready within ${TIMEOUT_MS} ms`,
      hint: "requestTimeoutMs of config.json is the limit",
    },
  });
});

test("what is quick enough meets none of these limits, on one connection after the other", async () => {
  await using test = await listen({ requestTimeoutMs: 30_000 });
  using client = await test.client();
  client.send(`${head("GET", "/status")}${LINE_ENDS}${head("GET", "/health", "Connection: close")}${LINE_ENDS}`);
  expect((await client.answer).match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
});

test.each([
  ["that says its length", "Content-Length: 70000", "x".repeat(70_000)],
  ["that says an absurd length and sends nothing of it", "Content-Length: 99999999999", ""],
  ["in chunks", "Transfer-Encoding: chunked", `11170\r\n${"x".repeat(70_000)}\r\n0\r\n\r\n`],
])("a body beyond the limit, %s, is answered 413, and the connection is closed", async (_what, length, body) => {
  await using test = await listen({ requestTimeoutMs: 30_000 });
  using client = await test.client();
  client.send(`${head("PATCH", "/jobs/a", "Content-Type: application/json", length)}${LINE_ENDS}${body}`);
  const answer = await client.answer;
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(bodyOf(answer)).toEqual({ error: { code: "TOO_LARGE", message: "the body is larger than 65536 bytes" } });
});

test("a body is not even read from whoever may not send one", async () => {
  await using test = await listen({ requestTimeoutMs: 30_000 });
  using client = await test.client();
  client.send(
    "PATCH /jobs/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
  );
  const [first] = (await once(client.socket, "data")) as [Buffer];
  expect(first.toString()).toMatch(/^HTTP\/1\.1 401 /);
});

test.each([
  ["no HTTP", "hello\r\n\r\n", 400, "this is not HTTP/1.1"],
  [
    "headers beyond the limit",
    `${head("GET", "/health", `X: ${"x".repeat(17_000)}`)}${LINE_ENDS}`,
    431,
    "the headers are larger than 16384 bytes",
  ],
])("%s is answered in JSON", async (_what, text, status, message) => {
  await using test = await listen({ requestTimeoutMs: 30_000 });
  using client = await test.client();
  client.send(text);
  const answer = await client.answer;
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(bodyOf(answer)).toMatchObject({ error: { message } });
});

test("a request without a Host, and one that names another in its target, are not ours", async () => {
  await using test = await listen({ requestTimeoutMs: 30_000 });
  using old = await test.client();
  old.send(`GET /health HTTP/1.0${LINE_ENDS}`);
  expect(await old.answer).toMatch(/^HTTP\/1\.1 421 /);
  using proxy = await test.client();
  proxy.send(`GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close${LINE_ENDS}`);
  expect(await proxy.answer).toMatch(/^HTTP\/1\.1 421 /);
});

test("a fault of ours is 500 without its words, which go to the log", async () => {
  const faulty = route({
    method: "GET",
    path: "/faulty",
    summary: "",
    answer: z.object({}),
    handle: () => Promise.reject(new TypeError("secret inner words")),
  });
  await using test = await testFace({ routes: [faulty] });
  const headers = { host: "localhost", authorization: `Bearer ${TOKEN}` };
  const answer = await test.face.inject({ url: "/faulty?", headers });
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toEqual({
    error: { code: "FAILED", message: "a fault of ours", hint: "the log tells more: instar logs gateway" },
  });
  expect(test.errors).toEqual([{ error: expect.any(TypeError) as Error, method: "GET", route: "/faulty" }]);
});

test("closing does not wait for connections that are idle or half sent", async () => {
  const test = await listen({ requestTimeoutMs: 30_000 });
  using idle = await test.client();
  using half = await test.client();
  half.send("GET /health HTTP/1.1\r\n");
  await test[Symbol.asyncDispose]();
  expect(await idle.answer).toBe("");
  expect(await half.answer).toBe("");
});
