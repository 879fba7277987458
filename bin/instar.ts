#!/usr/bin/env node
/** instar: a person's and the agent's hand. Reads files, drops files, asks a daemon; each command is one file of commands/. */
import module from "node:module";
import os from "node:os";
import path from "node:path";

// Looked at before anything else is loaded: an older Node fails at the syntax of what follows, and says nothing useful.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > 24 || (major === 24 && minor >= 15)) {
  // Not in the temp folder, where others could lay code for us.
  const caches = process.env["XDG_CACHE_HOME"] || path.join(os.homedir(), ".cache");
  if (path.isAbsolute(caches)) module.enableCompileCache(path.join(caches, "instar"));
  const { run } = await import("./frame.ts");
  await run(process.argv.slice(2));
} else {
  process.stderr.write(
    `instar: error: this is Node ${process.versions.node} (${process.execPath}), and Instar needs 24.15 or later\n` +
      "instar: hint: install it from https://nodejs.org, or with your version manager\n",
  );
  process.exitCode = 69;
}
