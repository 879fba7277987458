import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readStatus } from "../../shared/lifecycle.ts";
import { identify, type ProcessIdentity } from "../../shared/proc.ts";
import type { DaemonName } from "../../shared/protocol.ts";
import { instar, type Said } from "./cli.ts";
import { saysItRan } from "./explain.ts";
import type { TempAgent } from "./temp-agent.ts";
import { until } from "./until.ts";

/** Goes on until a file says that it is enough; tells its pid first. */
export const LONG = {
  slug: "long",
  name: "long",
  schedule: "@every 1s",
  execute: saysItRan(
    'echo $$ > "$INSTAR_AGENT_DIR/work"; while [ ! -e "$INSTAR_AGENT_DIR/enough" ]; do sleep 0.1; done',
  ),
};
export const QUICK = { slug: "quick", name: "quick", schedule: "@every 1s", execute: saysItRan("exit 0") };

export function said(agent: TempAgent, ...words: string[]): Promise<Said> {
  return instar(words, { cwd: agent.dir, env: agent.env });
}

export async function statusOf(agent: TempAgent): Promise<Record<string, unknown>> {
  return JSON.parse((await said(agent, "status", "--json")).stdout) as Record<string, unknown>;
}

export async function workOf(agent: TempAgent): Promise<ProcessIdentity> {
  return until(async () => identify(Number(await readFile(join(agent.dir, "work"), "utf8"))));
}

export async function daemonOf(agent: TempAgent, name: DaemonName, than = 0): Promise<ProcessIdentity> {
  return until(async () => {
    const status = await readStatus(agent.paths, name);
    return status?.state === "up" && status.pid !== than && status;
  });
}

export async function health(agent: TempAgent): Promise<number> {
  return (await fetch(`http://127.0.0.1:${agent.port}/health`)).status;
}
