/** What makes a program a daemon: its place, its config, its status, its signals, its exit code. */
export { NODE_FLAGS } from "./lifecycle/node-flags.ts";
export { takePlace } from "./lifecycle/place.ts";
export { release } from "./lifecycle/release.ts";
export { type Life, runDaemon } from "./lifecycle/run.ts";
export { type DaemonStatus, readLiving, readStatus } from "./lifecycle/status.ts";
export { until } from "./lifecycle/until.ts";
