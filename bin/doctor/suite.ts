import { readSuiteStatus } from "../../shared/agent-status.ts";
import { advice, type Check, fault, ok } from "./check.ts";

export const suiteCheck: Check = {
  name: "suite",
  async examine({ paths }) {
    if (paths === null) return [];
    const { running, supervisor, daemons } = await readSuiteStatus(paths);
    const start = "start it: instar server start, or in the foreground: instar up";
    if (!running) return [advice("the suite is not running", start)];
    const held =
      supervisor === null
        ? advice("nobody starts the daemons again when they end", start)
        : ok(`the suite is running (${supervisor})`);
    return [
      held,
      ...Object.entries(daemons).flatMap(([name, { state, detail, complains }]) => {
        if (!complains) return [];
        const says = `${name} is ${state}${detail === undefined ? "" : `: ${detail}`}`;
        return [state === "failed" || state === "down" ? fault(says, `instar logs ${name}`) : advice(says)];
      }),
    ];
  },
};
