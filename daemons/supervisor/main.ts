#!/usr/bin/env node
/**
 * instar-supervisor: holds the suite up in the background, where no init system does.
 *
 * Reads   the status files of the daemons
 * Writes  run/supervisor.status.json, logs/
 * Starts  the daemons of the suite and the agent's tmux server, each in a session of its own
 * Hears   SIGTERM: ends the daemons, keeps the runs; SIGUSR2: tries again what was left alone
 */
import { CATALOGUE, EXIT, isInstarError } from "../../shared/errors.ts";
import { agentDir } from "../../shared/lifecycle.ts";
import { createLog } from "../../shared/log.ts";
import { agentPaths } from "../../shared/paths.ts";
import { superviseSuite } from "../../shared/supervisor.ts";

const log = createLog({ name: "supervisor" });
try {
  await superviseSuite({ paths: agentPaths(await agentDir()), mode: "background", log });
  process.exit(EXIT.ok);
} catch (error) {
  log.error({ error }, "cannot go on");
  process.exit(isInstarError(error) ? CATALOGUE[error.code].exit : EXIT.failure);
}
