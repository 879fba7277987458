import type { Command } from "commander";
import { readSuiteStatus, type SuiteStatus } from "../../shared/agent-status.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLog } from "../../shared/log.ts";
import { type AgentPaths, ensureRun } from "../../shared/paths.ts";
import { openLogFile, superviseSuite } from "../../shared/supervisor.ts";
import { watchFolder } from "../../shared/watch.ts";
import type { Frame } from "../frame.ts";
import { localTime, plain } from "../text.ts";

export function define(command: Command, frame: Frame): void {
  command.action(async () => {
    const paths = await frame.agent();
    const { projectName } = await loadConfig(paths);
    await using logFile = await openLogFile(paths, "supervisor");
    const log = createLog({ name: "supervisor", destination: logFile.fd });
    using changes = await tellChanges(paths, frame);
    frame.say(`${plain(projectName)} in ${paths.dir}; Ctrl-C ends it, and what runs in it`);
    await superviseSuite({ paths, mode: "foreground", log, onChange: changes.look });
    frame.say(`${plain(projectName)} has ended`);
  });
}

/** Says a line for each daemon whenever its state changes. */
async function tellChanges(paths: AgentPaths, frame: Frame): Promise<Disposable & { readonly look: () => void }> {
  const said = new Map<string, string>();
  let looking: Promise<void> | null = null;
  let isNews = false;
  const tell = ({ daemons, url }: SuiteStatus): void => {
    for (const [name, { state, pid, detail }] of Object.entries(daemons)) {
      const where = name === "gateway" && state === "up" && url !== null ? `  ${url}` : "";
      // Its pid, or its end, is said in a moment, unless something keeps it.
      if (state === "starting" && pid !== null && detail === undefined) continue;
      const line = `${name.padEnd(10)} ${state}${pid === null ? "" : `  pid ${pid}`}${where}`;
      const isKnown = said.get(name) === line || (!said.has(name) && (state === "off" || state === "down"));
      said.set(name, line);
      if (!isKnown) frame.say(`${localTime(Date.now())}  ${line}${detail === undefined ? "" : `  ${plain(detail)}`}`);
    }
  };
  const lookWhileNews = async (): Promise<void> => {
    while (isNews) {
      isNews = false;
      tell(await readSuiteStatus(paths));
    }
    looking = null;
  };
  const look = (): void => {
    isNews = true;
    looking ??= lookWhileNews();
  };
  const watch = watchFolder(await ensureRun(paths), { onNews: look });
  return { look, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}
