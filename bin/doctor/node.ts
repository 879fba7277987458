import { type Check, ok } from "./check.ts";

/** An older Node never comes to this: the program refuses to begin. */
export const nodeCheck: Check = {
  name: "node",
  examine: () => Promise.resolve([ok(`Node ${process.versions.node} (${process.execPath})`)]),
};
