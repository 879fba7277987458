import type { Command } from "commander";
import { createFrame, type Frame } from "../frame.ts";
import { misuse } from "../misuse.ts";
import { createWholeProgram } from "../program.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export function define(command: Command, frame: Frame): void {
  command
    .argument("<shell>", SHELLS.join(", "))
    .addHelpText(
      "after",
      [
        "",
        "bash:  echo 'eval \"$(instar completion bash)\"' >> ~/.bashrc",
        "zsh:   echo 'eval \"$(instar completion zsh)\"' >> ~/.zshrc    (after compinit)",
        "fish:  instar completion fish > ~/.config/fish/completions/instar.fish",
      ].join("\n"),
    )
    .action(async (shell: string) => {
      const { completionFor } = await import("../completion.ts");
      const known = SHELLS.find((name) => name === shell);
      if (!known) throw misuse(`there is no completion for "${shell}"`, `for ${SHELLS.join(", ")}`);
      frame.say(completionFor(known, await createWholeProgram(createFrame)));
    });
}
