import { askVersion } from "./ask-program.ts";
import { advice, type Check, fault, ok } from "./check.ts";

/** The first with `-N`: attach, and never start a server. */
const LEAST = 3.2;

export const tmuxCheck: Check = {
  name: "tmux",
  async examine({ paths, config }) {
    const program = config?.sessions.tmuxPath ?? "tmux";
    const said = await askVersion(program, ["-V"], paths?.dir ?? process.cwd());
    if (said === "absent") {
      return [fault(`there is no ${program}`, "install tmux, or say where it is: sessions.tmuxPath in config.json")];
    }
    if (said === "mute") return [fault(`${program} -V fails`, "install tmux anew")];
    const number = Number(/\d+\.\d+/.exec(said.version)?.[0] ?? Number.NaN);
    if (number < LEAST) return [fault(`${said.version} is too old`, `install tmux ${LEAST} or later`)];
    if (Number.isNaN(number))
      return [advice(`${said.version} does not tell its number`, `${LEAST} or later is needed`)];
    return [ok(said.version)];
  },
};
