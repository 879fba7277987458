/**
 * What happened, for people: a line a day's file of the daemon that tells it. Each event has an identity, and is told once
 * however often its teller dies.
 */
export { EVENT_TYPES, EventRecord, EventType, startedEvent } from "./events/record.ts";
export { followEvents, readEvents } from "./events/read.ts";
export { type Events, openEvents } from "./events/tell.ts";
