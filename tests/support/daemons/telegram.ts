/**
 * A daemon for the tests of lifecycle and supervisor. Writes every config it goes by to `seen`; a file `crash` in the
 * agent's folder ends it at its start, `slow` keeps it from ending in time.
 */
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { runDaemon } from "../../../shared/lifecycle.ts";
import { exists } from "../../../shared/paths.ts";

await runDaemon("telegram", async ({ paths, config, onConfig, log, stopped, ready, clock }) => {
  if (await exists(join(paths.dir, "crash"))) throw new Error("crashed on demand");
  const tell = (text: string): Promise<void> => appendFile(join(paths.dir, "seen"), `${text}\n`);
  await tell(config().projectName);
  using _config = onConfig(({ projectName }) => void tell(projectName));
  ready();
  await stopped;
  if (await exists(join(paths.dir, "slow"))) await new Promise(() => clock.after(60_000, () => undefined));
  log.info("drained");
});
