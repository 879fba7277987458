import type { Config } from "../../shared/config.ts";
import type { AgentPaths } from "../../shared/paths.ts";

/** What a check is about: this machine alone, an agent in it, or an agent whose config.json is right. */
export type Patient =
  | { readonly paths: null; readonly config: null }
  | { readonly paths: AgentPaths; readonly config: Config | null };

export interface Finding {
  /** advice: it works, and could be better. */
  readonly state: "ok" | "advice" | "fault";
  readonly says: string;
  readonly hint?: string | undefined;
  /** What `--fix` does about it; says what it did. */
  readonly fix?: () => Promise<string>;
}

/** One question about the house. It changes nothing; what it needs and is not there, it passes over in silence. */
export interface Check {
  readonly name: string;
  examine(patient: Patient): Promise<readonly Finding[]>;
}

export const ok = (says: string): Finding => ({ state: "ok", says });
export const advice = (says: string, hint?: string): Finding => ({ state: "advice", says, hint });
export const fault = (says: string, hint?: string): Finding => ({ state: "fault", says, hint });
