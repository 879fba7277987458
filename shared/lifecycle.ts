/** What makes a program a daemon: its place, its config, its status, its signals, its exit code. */
export { keepHealing } from "./lifecycle/healing.ts";
export { IDLE_NODE_FLAGS, NODE_FLAGS } from "./lifecycle/node-flags.ts";
export { identifySelf } from "./lifecycle/own-status.ts";
export { takePlace } from "./lifecycle/place.ts";
export { release } from "./lifecycle/release.ts";
export { agentDir, type Life, runDaemon } from "./lifecycle/run.ts";
export { keepSnapshot } from "./lifecycle/snapshot.ts";
export { type DaemonStatus, readLiving, readStatus } from "./lifecycle/status.ts";
export { until } from "./lifecycle/until.ts";
