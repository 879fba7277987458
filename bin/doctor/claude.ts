import { isInstarError } from "../../shared/errors.ts";
import { loadJobs } from "../../shared/jobs.ts";
import { askVersion } from "./ask-program.ts";
import { advice, type Check, fault, ok, type Patient } from "./check.ts";

export const claudeCheck: Check = {
  name: "claude",
  async examine(patient) {
    // Which program it is, only a config.json that can be read tells.
    if (patient.paths !== null && patient.config === null) return [];
    const program = patient.config?.sessions.claudePath ?? "claude";
    const said = await askVersion(program, ["--version"], patient.paths?.dir ?? process.cwd());
    if (said !== "absent" && said !== "mute")
      return [ok(`Claude Code ${said.version.replace(/ \(Claude Code\)$/, "")}`)];
    const says = said === "mute" ? `${program} --version fails` : `there is no ${program}`;
    const hint = "install Claude Code, or say where it is: sessions.claudePath in config.json";
    const waiting = await jobsThatNeedIt(patient);
    if (waiting.length === 0) return [advice(`${says}; no job needs it yet`, hint)];
    const need = waiting.length === 1 ? "job needs" : "jobs need";
    return [fault(`${says}, and ${waiting.length} ${need} it: ${waiting.slice(0, 5).join(", ")}`, hint)];
  },
};

/** A jobs.json that cannot be read is told by its own check. */
async function jobsThatNeedIt({ paths, config }: Patient): Promise<string[]> {
  if (paths === null || config === null) return [];
  const { jobs } = await loadJobs(paths).catch((error: unknown) => {
    if (isInstarError(error)) return { jobs: [] };
    throw error;
  });
  return jobs.filter(({ enabled, execute }) => enabled && execute.type !== "script").map(({ slug }) => slug);
}
