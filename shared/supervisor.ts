/** What holds the daemons up where no init system does: our own supervisor, in the foreground or in the background. */
export { logPath, openLogFile } from "./supervisor/logs.ts";
export { type OwnSupervisor, ownSupervisor, restartDaemon, type Stopped } from "./supervisor/own.ts";
export { countRuns } from "./supervisor/runs.ts";
export { type ProgramStatus, readSupervisorStatus, type SupervisorStatus } from "./supervisor/status.ts";
export { SUITE, superviseSuite } from "./supervisor/suite.ts";
