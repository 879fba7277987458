import { type Command, Option } from "commander";
import { EXIT } from "../../shared/errors.ts";
import type { Frame } from "../frame.ts";

interface Options {
  readonly keep?: boolean;
  readonly real?: boolean;
}

/** Everything at work in a throw-away agent; its parts are in bin/demo. */
export function define(command: Command, frame: Frame): void {
  command
    .addOption(new Option("--keep", "go on after the summary, until Ctrl-C"))
    .addOption(new Option("--real", "use your own Claude login, which costs a little, in place of a scripted model"))
    .action(async ({ keep = false, real = false }: Options) => {
      const { runDemo } = await import("../demo/demo.ts");
      const interrupted = new AbortController();
      for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => interrupted.abort());
      const isSound = await runDemo({ keep, real, frame, signal: interrupted.signal });
      frame.leave(isSound ? EXIT.ok : EXIT.failure);
    });
}
