import { spawn } from "node:child_process";
import { once } from "node:events";
import { tempAgent, type TempAgent } from "../tests/support/temp-agent.ts";
import { writeHistory } from "./history.ts";
import { measureLoad } from "./load.ts";
import { median, type Ratio } from "./sample.ts";

const CONNECTIONS = 10;
const FOR_MS = 2000;
const ROUNDS = 3;
const JOBS = 20;
const RUNS_A_JOB = 500;

/** Answers every request with the body that it reads on stdin: the least that a server on Node can do. */
const BARE_SERVER = `
  let body = "";
  process.stdin.setEncoding("utf8").on("data", (text) => (body += text)).on("end", () => {
    const headers = { "content-type": "application/json; charset=utf-8", "content-length": Buffer.byteLength(body) };
    const server = require("node:http").createServer((_, response) => response.writeHead(200, headers).end(body));
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));
  });
`;

/** The gateway over a bare server with the same body, without a past and with a long one. */
export async function measureHttp(): Promise<Ratio[]> {
  const slugs = Array.from({ length: JOBS }, (_, index) => `job-${index}`);
  const execute = { type: "script", value: "true" };
  const jobs = slugs.map((slug) => ({ slug, name: slug, schedule: "0 3 1 1 *", execute }));
  const ratios: Ratio[] = [];
  for (const past of ["no past", `${(JOBS * RUNS_A_JOB).toLocaleString("en")} finished runs`]) {
    await using agent = await tempAgent({ jobs });
    if (past !== "no past") await writeHistory(agent.paths, slugs, RUNS_A_JOB);
    for (const daemon of ["scheduler", "gateway"]) await (await agent.start(daemon)).ready;
    ratios.push(await measurePath(agent, "/health", past), await measurePath(agent, "/jobs", past));
  }
  return ratios;
}

async function measurePath(agent: TempAgent, path: string, past: string): Promise<Ratio> {
  const headers = { authorization: `Bearer ${agent.token}` };
  const response = await fetch(`http://127.0.0.1:${agent.port}${path}`, { headers });
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  const bare = spawn(process.execPath, ["-e", BARE_SERVER], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    bare.stdin.end(await response.text());
    const [line] = (await once(bare.stdout, "data")) as [Buffer];
    const ports = { ours: agent.port, floor: Number(String(line)) };
    const taken = { ours: [] as number[], floor: [] as number[] };
    for (let round = 0; round < ROUNDS; round += 1)
      for (const side of ["ours", "floor"] as const) {
        const load = { port: ports[side], path, token: agent.token, connections: CONNECTIONS, forMs: FOR_MS };
        taken[side].push(await measureLoad(load));
      }
    return {
      what: `GET ${path}, ${past}`,
      ours: median(taken.ours),
      over: "bare node:http, same body",
      floor: median(taken.floor),
      unit: "req/s",
      isRate: true,
      goal: path === "/health" ? "≥ 15,000" : "≥ 10,000",
    };
  } finally {
    bare.kill();
  }
}
