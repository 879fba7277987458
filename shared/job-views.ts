export { QueuedSlot, readSchedulerView, SchedulerView, schedulerViewPath } from "./job-views/queue.ts";
export { type JobView, JobViews, readJobViews } from "./job-views/view.ts";
