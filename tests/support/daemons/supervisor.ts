/** A supervisor of the test daemon beside it; its first argument is the mode. */
import { join } from "node:path";
import { CATALOGUE, isInstarError } from "../../../shared/errors.ts";
import { createLog } from "../../../shared/log.ts";
import { agentPaths } from "../../../shared/paths.ts";
import { superviseSuite } from "../../../shared/supervisor.ts";

const [, , mode, dir = ""] = process.argv;
const log = createLog({ name: "supervisor" });
try {
  await superviseSuite({
    paths: agentPaths(dir),
    mode: mode === "foreground" ? mode : "background",
    log,
    daemons: [{ name: "telegram", main: join(import.meta.dirname, "telegram.ts") }],
  });
  process.exit(0);
} catch (error) {
  log.error({ error }, "cannot go on");
  process.exit(isInstarError(error) ? CATALOGUE[error.code].exit : 1);
}
