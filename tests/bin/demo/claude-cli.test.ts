import { expect, test } from "vitest";
import { ownersEnvironment, scriptedEnvironment } from "../../../bin/demo/claude-cli.ts";

test("an own login may lie in the environment: it is handed to the runs, a session's traces and the rest are not", () => {
  const env = {
    ANTHROPIC_API_KEY: "k",
    CLAUDE_CODE_USE_BEDROCK: "1",
    AWS_PROFILE: "p",
    CLAUDE_CODE_SESSION_ID: "s",
    EDITOR: "vi",
  };
  const { IS_SANDBOX: _root, ...own } = ownersEnvironment(env);
  expect(own).toEqual({ ANTHROPIC_API_KEY: "k", CLAUDE_CODE_USE_BEDROCK: "1", AWS_PROFILE: "p" });
});

test("root, and only root, is told to be in a sandbox", () => {
  const scripted = scriptedEnvironment({ home: "/h", url: "http://127.0.0.1:1" });
  expect("IS_SANDBOX" in scripted).toBe(process.getuid?.() === 0);
});
