import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { type Frame, type JsonOption, jsonOption, misuse } from "../frame.ts";

interface Options extends JsonOption {
  readonly port?: number;
}

export function define(command: Command, frame: Frame): void {
  command
    .argument("[folder]", "the agent's folder, and by its last part the agent's name; with --dir: the name alone")
    .option("--port <number>", "TCP port of its HTTP API (default: the first free one from 4040)", parsePort)
    .option("--yes", "accepted, and needless: nothing is asked")
    .addOption(jsonOption())
    .action(async (folder: string | undefined, options: Options) => {
      const { makeAgent } = await import("../init/agent-files.ts");
      const dir = frame.dir ?? resolve(folder ?? ".");
      const name = frame.dir !== null && folder !== undefined ? folder : basename(dir) || "agent";
      const report = await makeAgent({ dir, name, port: options.port ?? null });
      for (const warning of report.warnings) frame.note(warning);
      frame.print(report, options, () =>
        [
          `${report.projectName} in ${report.dir}, port ${report.port}`,
          ...report.created.map((path) => `  ${frame.paint("green", "created")} ${path}`),
          ...report.kept.map((path) => `  ${frame.paint("dim", "kept")}    ${path}`),
          "",
          "Now: instar job add --help, and then: instar up",
        ].join("\n"),
      );
    });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw misuse(`--port is "${text}", and must be a whole number from 1 to 65535`);
}
