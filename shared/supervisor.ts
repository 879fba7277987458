/** What holds the daemons up where no init system does: our own supervisor, in the foreground or in the background. */
export { openLogFile } from "./supervisor/logs.ts";
export { ownSupervisor } from "./supervisor/own.ts";
export { type ProgramStatus, readSupervisorStatus, type SupervisorStatus } from "./supervisor/status.ts";
export { SUITE, superviseSuite } from "./supervisor/suite.ts";
