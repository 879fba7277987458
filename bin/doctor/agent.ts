import { type Check, fault, ok } from "./check.ts";

export const agentCheck: Check = {
  name: "agent",
  examine: ({ paths }) =>
    Promise.resolve([
      paths === null
        ? fault("there is no agent in this folder or above it", "make one: instar init, or name one: --dir <folder>")
        : ok(paths.dir),
    ]),
};
