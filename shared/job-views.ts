export { QueuedSlot, readSchedulerView, SchedulerView, schedulerViewPath } from "./job-views/queue.ts";
export { JobView, readJobViews } from "./job-views/view.ts";
