import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SlotEntry } from "../../shared/slots.ts";
import { readStatus } from "../../shared/lifecycle.ts";
import { tempAgent, type TempAgent } from "../support/temp-agent.ts";
import { startTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

interface Health {
  readonly status: string;
  readonly sessions: unknown;
  readonly scheduler: { readonly running: boolean; readonly paused: boolean };
  readonly daemons: Record<string, { readonly state: string; readonly detail?: string }>;
}

interface Asked {
  readonly method?: string;
  readonly port?: number;
  readonly token?: string;
}

const ask = (agent: TempAgent, path: string, { method = "GET", port = agent.port, token = agent.token }: Asked = {}) =>
  fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { authorization: `Bearer ${token}` } });

const askFor = async <T>(agent: TempAgent, path: string): Promise<T> => {
  const answer = await ask(agent, path);
  expect([path, answer.status]).toEqual([path, 200]);
  return (await answer.json()) as T;
};

const health = (agent: TempAgent): Promise<Health> => askFor<Health>(agent, "/health");

async function editConfig(agent: TempAgent, edit: (config: Record<string, unknown>) => unknown): Promise<void> {
  const config = JSON.parse(await readFile(agent.paths.config, "utf8")) as Record<string, unknown>;
  await writeFile(agent.paths.config, JSON.stringify(edit(config)));
}

test("one fault stays one fault: health tells of a scheduler that was killed, and of one that came back", async () => {
  await using agent = await tempAgent();
  await using _tmux = await startTmux(agent);
  const gateway = await agent.start("gateway");
  const first = await agent.start("scheduler");
  await Promise.all([gateway.ready, first.ready]);
  await until(async () => (await health(agent)).status === "ok");
  expect((await health(agent)).scheduler).toEqual({ running: true, paused: false });
  await until(async () => {
    const started = await askFor<{ message: string }[]>(agent, "/events?type=daemon_started");
    return new Set(started.map(({ message }) => message.split(" ")[0])).size === 2;
  });
  await first.kill();
  await until(async () => (await health(agent)).daemons["scheduler"]?.state === "down");
  expect(await health(agent)).toMatchObject({ status: "degraded", scheduler: { running: false } });
  expect((await ask(agent, "/jobs")).status).toBe(200);
  await (
    await agent.start("scheduler")
  ).ready;
  await until(async () => (await health(agent)).status === "ok");
});

test("a config.json that breaks while it serves is named, and the last good one stays in force", async () => {
  await using agent = await tempAgent();
  const gateway = await agent.start("gateway");
  await gateway.ready;
  const good = await readFile(agent.paths.config, "utf8");
  await editConfig(agent, (config) => ({ ...config, prot: 1, auth: { token: "another-token" } }));
  const detail = async (): Promise<string> => (await health(agent)).daemons["gateway"]?.detail ?? "";
  await until(async () => (await detail()).includes('config: config: unknown key "prot", did you mean "port"?'));
  expect((await ask(agent, "/jobs", { token: "another-token" })).status).toBe(401);
  expect(await askFor(agent, "/jobs")).toEqual([]);
  await writeFile(agent.paths.config, good);
  await until(async () => (await detail()) === "");
});

test("a new token counts at once, and the old one no more; a new port is listened on", async () => {
  await using agent = await tempAgent();
  await (
    await agent.start("gateway")
  ).ready;
  await editConfig(agent, (config) => ({ ...config, auth: { token: "a-new-token" } }));
  await until(async () => (await ask(agent, "/jobs", { token: "a-new-token" })).status === 200);
  expect((await ask(agent, "/jobs")).status).toBe(401);
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const address = holder.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  await editConfig(agent, (config) => ({ ...config, port: address.port }));
  await until(async () => (await readStatus(agent.paths, "gateway"))?.concerns["port"]);
  const status = await readStatus(agent.paths, "gateway");
  expect(status?.concerns["port"]).toBe(
    `cannot listen on 127.0.0.1 port ${address.port}: another program has that port`,
  );
  holder.close();
  await until(async () => (await ask(agent, "/jobs", { token: "a-new-token", port: address.port })).status === 200);
  await until(async () => (await readStatus(agent.paths, "gateway"))?.concerns["port"] === undefined);
  await expect(ask(agent, "/jobs")).rejects.toThrow("fetch failed");
});

test("a token that lies in a file counts as soon as the file says another", async () => {
  const config = { auth: { token: { file: "secrets/http-token" } } };
  await using agent = await tempAgent({ config });
  const file = join(agent.paths.secrets, "http-token");
  await mkdir(agent.paths.secrets, { mode: 0o700 });
  await writeFile(file, "the-first-token\n", { mode: 0o600 });
  const gateway = await agent.start("gateway");
  await gateway.ready;
  expect((await ask(agent, "/jobs", { token: "the-first-token" })).status).toBe(200);
  await writeFile(file, "the-second-token\n");
  await until(async () => (await ask(agent, "/jobs", { token: "the-second-token" })).status === 200);
  expect((await ask(agent, "/jobs", { token: "the-first-token" })).status).toBe(401);
  await rm(file);
  await until(async () => (await readStatus(agent.paths, "gateway"))?.concerns["token"]?.includes("http-token"));
  expect((await ask(agent, "/jobs", { token: "the-second-token" })).status).toBe(200);
});

test("the log holds no token, whatever is asked", async () => {
  await using agent = await tempAgent();
  const gateway = await agent.start("gateway");
  await gateway.ready;
  for (const path of [`/jobs?token=${agent.token}`, `/${agent.token}`, `/jobs/${agent.token}/history`])
    expect((await ask(agent, path)).status).toBeGreaterThanOrEqual(400);
  // The reader's twin: what is logged does arrive.
  await editConfig(agent, (config) => ({ ...config, auth: { token: { file: agent.token } } }));
  await until(() => gateway.log.includes("the last one stays in force"));
  expect(gateway.log).toContain("[secret]");
  expect(gateway.log).not.toContain(agent.token);
});

test("a job is triggered, switched and looked up over HTTP", async () => {
  const job = {
    slug: "beat",
    name: "Beat",
    schedule: "@every 1000h",
    execute: { type: "script", value: "echo hello" },
  };
  await using agent = await tempAgent({ jobs: [job] });
  await using _tmux = await startTmux(agent);
  const daemons = [await agent.start("scheduler"), await agent.start("gateway")];
  await Promise.all(daemons.map(({ ready }) => ready));
  const triggered = await ask(agent, "/jobs/beat/trigger", { method: "POST" });
  const { slot, result } = (await triggered.json()) as { slot: string; result: string };
  expect([triggered.status, result]).toEqual([202, "started"]);
  const entry = await until(async () => {
    const entries = await askFor<SlotEntry[]>(agent, "/jobs/beat/history");
    return entries.find(({ dueAt, outcome }) => dueAt === slot && outcome !== null);
  });
  expect(entry).toMatchObject({ outcome: "success", exitCode: 0, trigger: "manual" });
  await until(async () => (await askFor<{ type: string }[]>(agent, "/events?type=job_completed")).length === 1);
  await writeFile(agent.paths.jobs, JSON.stringify([job, { slug: "bad" }]));
  const reloaded = await ask(agent, "/jobs/reload", { method: "POST" });
  expect(await reloaded.json()).toMatchObject({ jobs: 1, invalid: [{ index: 1, slug: "bad" }] });
});

test("a gate that asks our own API for five seconds does not move health", async () => {
  // It needs an answer for each step: were the daemon to wait for it, neither would ever go on.
  const gate = `node -e '
    const end = performance.now() + 5000;
    const headers = { authorization: "Bearer " + process.env.INSTAR_TOKEN };
    let asked = 0;
    (async () => {
      while (performance.now() < end) {
        const answer = await fetch(process.env.INSTAR_URL + "/jobs", { headers });
        if (!answer.ok) process.exit(2);
        await answer.text();
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      console.log("asked " + asked);
    })();
  '`;
  const execute = { type: "script", value: "echo passed" };
  await using agent = await tempAgent({
    jobs: [{ slug: "gated", name: "Gated", schedule: "@every 1000h", gate, execute }],
  });
  await using _tmux = await startTmux(agent);
  const daemons = [await agent.start("scheduler"), await agent.start("gateway")];
  await Promise.all(daemons.map(({ ready }) => ready));
  const answers: number[] = [];
  const look = async (): Promise<void> => {
    const startMs = performance.now();
    await health(agent);
    answers.push(performance.now() - startMs);
  };
  await look();
  const startMs = performance.now();
  await ask(agent, "/jobs/gated/trigger", { method: "POST" });
  const outcome = await until(async () => {
    await look();
    const [entry] = await askFor<SlotEntry[]>(agent, "/jobs/gated/history");
    return entry?.outcome;
  });
  expect(outcome).toBe("success");
  const lastedMs = performance.now() - startMs;
  expect(lastedMs).toBeGreaterThan(5000);
  // Held up by the gate, one answer would have taken about as long as it.
  expect(Math.max(...answers)).toBeLessThan(lastedMs / 3);
  expect(answers.length).toBeGreaterThan(20);
});
