import type { InjectOptions } from "fastify";
import { expect, test } from "vitest";
import { z } from "zod";
import { Refusal } from "../../../daemons/gateway/openapi.ts";
import { CATALOGUE } from "../../../shared/errors.ts";
import { TOKEN, testFace, WITH_TOKEN } from "../../support/face.ts";

const JOBS = [
  { slug: "news", name: "News", schedule: "0 8 * * *", execute: { type: "script", value: "true" } },
  { slug: "broken", name: "Broken", schedule: "at noon", execute: { type: "script", value: "true" } },
];
const JSON_TYPE = { "content-type": "application/json" };
const patch = (payload: string | Buffer, headers: object = JSON_TYPE): InjectOptions => ({
  method: "PATCH",
  url: "/jobs/news",
  headers: { ...WITH_TOKEN, ...headers },
  payload,
});
const get = (url: string, headers: object = WITH_TOKEN): InjectOptions => ({
  method: "GET",
  url,
  headers: { ...headers },
});
const post = (url: string): InjectOptions => ({ method: "POST", url, headers: WITH_TOKEN });
const CURE = 'send the header "Authorization: Bearer <token>"; the token is auth.token of .instar/config.json';

test.for<
  [what: string, request: InjectOptions, status: number, code: keyof typeof CATALOGUE, message: string, hint?: string]
>([
  ["no token", get("/jobs", { host: "localhost" }), 401, "UNAUTHORIZED", `no token: ${CURE}`],
  [
    "a wrong token",
    get("/jobs", { host: "localhost", authorization: "Bearer x" }),
    401,
    "UNAUTHORIZED",
    `wrong token: ${CURE}`,
  ],
  [
    "a wrong token where none is needed",
    get("/health", { host: "localhost", authorization: "Bearer x" }),
    401,
    "UNAUTHORIZED",
    `wrong token: ${CURE}`,
  ],
  [
    "a token of another scheme",
    get("/jobs", { host: "localhost", authorization: `Basic ${TOKEN}` }),
    401,
    "UNAUTHORIZED",
    `wrong token: ${CURE}`,
  ],
  ["a token in the URL", get(`/jobs?token=${TOKEN}`, { host: "localhost" }), 401, "UNAUTHORIZED", `no token: ${CURE}`],
  [
    "the token in the URL besides the header",
    get(`/jobs?token=${TOKEN}`),
    400,
    "REQUEST_INVALID",
    'query: unknown key "token"',
  ],
  [
    "a host of another name",
    get("/health", { host: "evil.example" }),
    421,
    "WRONG_HOST",
    'this is not the host "evil.example"',
  ],
  [
    "a host that begins like ours",
    get("/health", { host: "127.0.0.1.evil.example" }),
    421,
    "WRONG_HOST",
    'this is not the host "127.0.0.1.evil.example"',
  ],
  [
    "a page of another origin",
    get("/jobs", { ...WITH_TOKEN, origin: "http://evil.example" }),
    403,
    "FORBIDDEN",
    'pages of "http://evil.example" may not ask here',
  ],
  [
    "a page without an origin",
    get("/jobs", { ...WITH_TOKEN, origin: "null" }),
    403,
    "FORBIDDEN",
    'pages of "null" may not ask here',
  ],
  ["an unknown route", get("/job"), 404, "NOT_FOUND", "there is no GET /job", "did you mean /jobs?"],
  [
    "an unknown route that nothing is like",
    get("/a/b/c/d?token=1"),
    404,
    "NOT_FOUND",
    "there is no GET /a/b/c/d",
    "GET /openapi.json lists all routes",
  ],
  [
    "a method that is not for the path",
    post("/jobs"),
    405,
    "METHOD_NOT_ALLOWED",
    "POST is not for this path",
    "allowed: GET, HEAD",
  ],
  [
    "a method that nobody knows here",
    { ...post("/jobs/news"), method: "DELETE" },
    405,
    "METHOD_NOT_ALLOWED",
    "DELETE is not for this path",
    "allowed: PATCH",
  ],
  ["a path that is no URL", get("/jobs/%zz/history"), 400, "REQUEST_INVALID", "the path is not a valid URL"],
  [
    "a path out of the folder",
    get("/jobs/..%2f..%2fetc/history"),
    400,
    "REQUEST_INVALID",
    'path.slug: must be 1 to 100 of a-z, 0-9 and -, and not begin with -, is "../../etc"',
  ],
  [
    "a name without an end",
    get(`/jobs/${"a".repeat(201)}/history`),
    404,
    "NOT_FOUND",
    "a name in the path is too long",
  ],
  [
    "an unknown job",
    post("/jobs/newz/trigger"),
    404,
    "JOB_NOT_FOUND",
    'there is no job "newz"',
    'did you mean "news"?',
  ],
  [
    "the history of an unknown job",
    get("/jobs/nothing-like-it/history"),
    404,
    "JOB_NOT_FOUND",
    'there is no job "nothing-like-it"',
    "list them: instar job list",
  ],
  [
    "a job that is not valid",
    post("/jobs/broken/trigger"),
    409,
    "CONFLICT",
    expect.stringMatching(/^the job "broken" cannot run: jobs\[1\]\.schedule: /) as string,
  ],
  [
    "a limit that is no number",
    get("/events?limit=all"),
    400,
    "REQUEST_INVALID",
    'query.limit: must be a whole number from 1 to 1000, is "all"',
  ],
  [
    "a limit of nothing",
    get("/events?limit=0"),
    400,
    "REQUEST_INVALID",
    'query.limit: must be a whole number from 1 to 1000, is "0"',
  ],
  [
    "a limit beyond the most",
    get("/jobs/news/history?limit=1001"),
    400,
    "REQUEST_INVALID",
    'query.limit: must be a whole number from 1 to 1000, is "1001"',
  ],
  [
    "a limit that is given twice",
    get("/events?limit=1&limit=2"),
    400,
    "REQUEST_INVALID",
    "query.limit: must be a whole number from 1 to 1000, is a list",
  ],
  [
    "hours before the last month",
    get("/events?since=721"),
    400,
    "REQUEST_INVALID",
    'query.since: must be a whole number from 1 to 720, is "721"',
  ],
  [
    "an unknown type of event",
    get("/events?type=job_exploded"),
    400,
    "REQUEST_INVALID",
    expect.stringMatching(/^query\.type: must be .*"job_failed".*, is "job_exploded"$/) as string,
  ],
  [
    "a misspelt field in the query",
    get("/events?limt=1"),
    400,
    "REQUEST_INVALID",
    'query: unknown key "limt", did you mean "limit"?',
  ],
  ["a field that a route does not know", get("/jobs?all=1"), 400, "REQUEST_INVALID", 'query: unknown key "all"'],
  [
    "text that is no JSON",
    patch("{enabled: true}"),
    400,
    "REQUEST_INVALID",
    'body:1:2: found "e" where a key in double quotes was expected',
  ],
  [
    "JSON that is cut off",
    patch('{"enabled": tr'),
    400,
    "REQUEST_INVALID",
    'body:1:13: found "t" where a value was expected',
  ],
  [
    "a key that stands twice",
    patch('{"enabled": true, "enabled": false}'),
    400,
    "REQUEST_INVALID",
    'body:1:19: the key "enabled" stands here a second time',
  ],
  ["bytes that are no text", patch(Buffer.from([0x22, 0xff, 0x22])), 400, "REQUEST_INVALID", "body: is no UTF-8 text"],
  ["a body that is a list", patch("[true]"), 400, "REQUEST_INVALID", "body: must be an object, is a list"],
  ["no body", patch(""), 400, "REQUEST_INVALID", "body: is missing"],
  ["a body without the field", patch("{}"), 400, "REQUEST_INVALID", "body.enabled: is missing"],
  [
    "a field of the wrong type",
    patch('{"enabled": "yes"}'),
    400,
    "REQUEST_INVALID",
    'body.enabled: must be true or false, is "yes"',
  ],
  [
    "a misspelt field",
    patch('{"enable": true}'),
    400,
    "REQUEST_INVALID",
    'body: unknown key "enable", did you mean "enabled"? (and 1 more)',
  ],
  [
    "a field that nobody asked for",
    patch('{"enabled": true, "priority": "high"}'),
    400,
    "REQUEST_INVALID",
    'body: unknown key "priority"; known are enabled',
  ],
  [
    "a field that would change the object's kind",
    patch('{"enabled": true, "__proto__": {"x": 1}}'),
    400,
    "REQUEST_INVALID",
    'body: unknown key "__proto__"; known are enabled',
  ],
  [
    "a body where none belongs",
    { ...patch('{"now": true}'), method: "POST", url: "/jobs/news/trigger" },
    400,
    "REQUEST_INVALID",
    'body: unknown key "now"',
  ],
  [
    "a form",
    patch("enabled=true", { "content-type": "application/x-www-form-urlencoded" }),
    415,
    "MEDIA_TYPE",
    "a body must be JSON",
    'send the header "Content-Type: application/json"',
  ],
  ["a body that says nothing of its kind", patch("{}", {}), 415, "MEDIA_TYPE", "a body must be JSON"],
  [
    "a body beyond the limit",
    patch(JSON.stringify({ enabled: true, more: "x".repeat(65_536) })),
    413,
    "TOO_LARGE",
    "the body is larger than 65536 bytes",
  ],
  ["a scheduler that is away", post("/jobs/reload"), 503, "UNAVAILABLE", "the scheduler is not running"],
])("%s is refused", async ([, request, status, code, message, hint]) => {
  await using test = await testFace({ jobs: JOBS });
  const answer = await test.face.inject(request);
  const { error } = z.strictObject({ error: Refusal.shape.error.strict() }).parse(answer.json());
  expect(error).toMatchObject({ code, message, ...(hint === undefined ? {} : { hint }) });
  expect(answer.statusCode).toBe(status);
  expect(CATALOGUE[code].http).toBe(status);
  expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
  expect(answer.body).not.toContain(TOKEN);
  expect(test.errors).toEqual([]);
});

test("what each of them is refused for is all that is wrong with it", async () => {
  await using test = await testFace({ jobs: JOBS });
  for (const request of [
    get("/jobs"),
    get("/jobs", { ...WITH_TOKEN, host: "localhost:4040", origin: "http://LOCALHOST:4040" }),
    get("/jobs", { ...WITH_TOKEN, host: "[::1]:4040" }),
    get("/health", { host: "localhost" }),
    get("/events?limit=1000&since=720&type=job_failed&type=job_completed&slug=news"),
    get("/jobs/news/history?limit=1000"),
    patch('{"enabled": true}'),
    patch(' {"enabled": true}\n', { "content-type": "application/json; charset=utf-8" }),
    { method: "HEAD", url: "/jobs", headers: WITH_TOKEN } as const,
  ]) {
    const answer = await test.face.inject(request);
    expect([request.url, answer.statusCode, answer.body]).toEqual([request.url, 200, answer.body]);
  }
  const triggered = await test.face.inject({ ...post("/jobs/news/trigger"), headers: { ...WITH_TOKEN, ...JSON_TYPE } });
  expect(triggered.statusCode).toBe(202);
});

test("whoever has no token does not learn what routes there are, nor that its request was broken", async () => {
  await using test = await testFace();
  const headers = { host: "localhost" };
  for (const url of ["/jobs", "/nothing", "/jobs/%zz", `/jobs/${"a".repeat(300)}/history`, "/events?limt=1"]) {
    expect([url, (await test.face.inject({ url, headers })).statusCode]).toEqual([url, 401]);
  }
  const foreign = await test.face.inject({ url: "/jobs/%zz", headers: { ...WITH_TOKEN, host: "evil.example" } });
  expect(foreign.statusCode).toBe(421);
});

test("a refusal says how to come in", async () => {
  await using test = await testFace();
  const refused = await test.face.inject({ url: "/jobs", headers: { host: "localhost" } });
  expect(refused.headers["www-authenticate"]).toBe('Bearer realm="instar"');
  expect(refused.headers["cache-control"]).toBe("no-store");
  expect((await test.face.inject({ ...get("/status"), method: "PUT" })).headers["allow"]).toBe("GET, HEAD");
});

test("the hundred and twenty-first trigger within a minute is refused, and the first after it is not", async () => {
  await using test = await testFace();
  const trigger = async (): Promise<unknown> => {
    const { statusCode, headers } = await test.face.inject(post("/jobs/nobody/trigger"));
    return [statusCode, headers["retry-after"]];
  };
  for (let count = 0; count < 120; count += 1) expect(await trigger()).toEqual([404, undefined]);
  await test.clock.advance(20_000);
  expect(await trigger()).toEqual([429, "40"]);
  await test.clock.advance(40_000);
  expect(await trigger()).toEqual([404, undefined]);
});

test("who guesses tokens is slowed down, and the right one is let in all the while", async () => {
  await using test = await testFace();
  const guess = async (): Promise<number> => {
    const headers = { host: "localhost", authorization: `Bearer ${TOKEN.slice(1)}` };
    return (await test.face.inject({ url: "/status", headers })).statusCode;
  };
  for (let count = 0; count < 30; count += 1) expect(await guess()).toBe(401);
  expect(await guess()).toBe(429);
  expect((await test.face.inject(get("/status"))).statusCode).toBe(200);
});
