import { delimiter, join } from "node:path";
import { outsideOfSession } from "../../shared/claude.ts";
import { InstarError } from "../../shared/errors.ts";
import { exists, PACKAGE_ROOT } from "../../shared/paths.ts";

/** The Claude Code CLI that a checkout was set up with, else the one on the PATH. Throws UNAVAILABLE where there is none. */
export async function findClaude(): Promise<string> {
  const name = `claude-code-${process.platform}-${process.arch}`;
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  const places = [join(PACKAGE_ROOT, "node_modules/@anthropic-ai", name), ...folders];
  for (const place of places) if (await exists(join(place, "claude"))) return join(place, "claude");
  throw new InstarError("UNAVAILABLE", "the Claude Code CLI is not there: no claude on the path", {
    hint: "install it: npm install -g @anthropic-ai/claude-code",
  });
}

/**
 * The environment in which the CLI talks to a scripted model and to nobody else, with settings and transcripts of its own
 * in `home`. An address alone would not keep it from asking its maker for settings, plugins and updates.
 */
export function scriptedEnvironment(scripted: { readonly home: string; readonly url: string }): Record<string, string> {
  return {
    HOME: scripted.home,
    CLAUDE_CONFIG_DIR: join(scripted.home, ".claude"),
    ANTHROPIC_BASE_URL: scripted.url,
    ANTHROPIC_API_KEY: "none-needed",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: "1",
    CLAUDE_CODE_MAX_RETRIES: "1",
    DISABLE_AUTOUPDATER: "1",
    DISABLE_ERROR_REPORTING: "1",
    DISABLE_TELEMETRY: "1",
    ...sandboxed(),
  };
}

/** What of an owner's environment says how the CLI reaches a model: a run is not given it unless the config says so. */
const REACHES_A_MODEL = /^(ANTHROPIC|AWS|CLAUDE_CODE|CLOUD_ML|GOOGLE|VERTEX)_/;

/** The environment in which the CLI works with the owner's own login, wherever that is kept. */
export function ownersEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const own = Object.entries(outsideOfSession(env)).filter(([name]) => REACHES_A_MODEL.test(name));
  return { ...Object.fromEntries(own), ...sandboxed() };
}

/** What lets root run the CLI without permission prompts; for folders that are thrown away. */
function sandboxed(): Record<string, string> {
  return process.getuid?.() === 0 ? { IS_SANDBOX: "1" } : {};
}
