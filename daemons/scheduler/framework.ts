import type { Usage } from "../../shared/claude.ts";
import type { Job } from "../../shared/jobs.ts";
import type { Launch } from "../../shared/runs.ts";

/** What a run is made of: the files of its folder. */
export interface Work {
  readonly launch: Pick<Launch, "kind" | "session">;
  /** Shell text. */
  readonly command: string;
  /** What it reads on stdin, where it reads any. */
  readonly prompt?: string | undefined;
}

/** A prompt or skill job that is about to run. */
export interface AgentOrder {
  readonly job: Job;
  /** The run's. */
  readonly folder: string;
  readonly agentDir: string;
  /** The run's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The agent's program: a name on the path, or a path. */
  readonly program: string;
}

/** How a run of an agent went, by what it left. */
export interface AgentEnd {
  /** Null: it did what it was asked, as far as it knows. */
  readonly failure: string | null;
  /** Its answer. */
  readonly said: string;
  readonly usage?: Usage | undefined;
  readonly costUsd?: number | undefined;
}

/** A program that is an agent, as far as jobs need to know it. Another one is another of these. */
export interface Framework {
  /** Throws FAILED where it is known beforehand that nothing would come of it: no model is called then. */
  prepare(order: AgentOrder): Promise<Work>;
  /** `exitCode`: null when nobody saw it. */
  readEnd(folder: string, session: Launch["session"], exitCode: number | null): Promise<AgentEnd>;
}
