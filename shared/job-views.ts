export { QueuedSlot, readSchedulerView, SchedulerView, schedulerViewPath } from "./job-views/queue.ts";
