import { loadConfig } from "../../shared/config.ts";
import { describeError, isInstarError } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { agentCheck } from "./agent.ts";
import type { Check, Finding, Patient } from "./check.ts";
import { claudeCheck } from "./claude.ts";
import { configCheck } from "./config.ts";
import { diskCheck } from "./disk.ts";
import { jobsCheck } from "./jobs.ts";
import { nodeCheck } from "./node.ts";
import { portCheck } from "./port.ts";
import { privateFilesCheck } from "./private-files.ts";
import { runFolderCheck } from "./run-folder.ts";
import { suiteCheck } from "./suite.ts";
import { tmuxCheck } from "./tmux.ts";

/** In the order in which a person would look: what must be there first, comes first. */
const CHECKS: readonly Check[] = [
  nodeCheck,
  tmuxCheck,
  claudeCheck,
  agentCheck,
  privateFilesCheck,
  configCheck,
  jobsCheck,
  runFolderCheck,
  portCheck,
  suiteCheck,
  diskCheck,
];

/** What a check found, and what was done about it. */
export interface Diagnosis {
  readonly check: string;
  readonly state: Finding["state"] | "fixed";
  readonly says: string;
  readonly hint?: string | undefined;
}

/** Examines the machine and, unless `paths` is null, the agent; with `fix`, mends what can be mended without asking. */
export async function examine(
  paths: AgentPaths | null,
  { fix }: { readonly fix: boolean },
): Promise<readonly Diagnosis[]> {
  const patient = await patientOf(paths);
  const diagnoses = await Promise.all(
    CHECKS.map(async (check) => {
      const told: Diagnosis[] = [];
      for (const { fix: mend, ...finding } of await check.examine(patient)) {
        told.push(fix && mend ? await mended(check.name, finding, mend) : { check: check.name, ...finding });
      }
      return told;
    }),
  );
  return diagnoses.flat();
}

async function mended(check: string, finding: Omit<Finding, "fix">, mend: () => Promise<string>): Promise<Diagnosis> {
  try {
    return { check, state: "fixed", says: await mend() };
  } catch (error) {
    return { check, ...finding, hint: `it could not be mended: ${describeError(error)}` };
  }
}

/** What is wrong with config.json is told by its own check. */
async function patientOf(paths: AgentPaths | null): Promise<Patient> {
  if (paths === null) return { paths, config: null };
  try {
    return { paths, config: await loadConfig(paths) };
  } catch (error) {
    if (isInstarError(error)) return { paths, config: null };
    throw error;
  }
}
