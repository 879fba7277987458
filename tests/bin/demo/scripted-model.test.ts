import { expect, test } from "vitest";
import { DEMO_JOBS, DEMO_TURNS } from "../../../bin/demo/jobs.ts";
import { startScriptedModel, type ScriptedModel } from "../../../bin/demo/scripted-model.ts";
import { until } from "../../support/until.ts";

/** What a caller hears: the status, and the events of the stream by their types. */
interface Heard {
  readonly status: number;
  readonly events: readonly { readonly type: string; readonly [key: string]: unknown }[];
  readonly text: string;
}

async function ask(model: ScriptedModel, prompt: string, spoken = 0, signal?: AbortSignal): Promise<Heard> {
  const answers = Array.from({ length: spoken }, () => ({ role: "assistant", content: "…" }));
  const reminder = { type: "text", text: "<system-reminder>good name</system-reminder>" };
  const messages = [{ role: "user", content: [reminder, { type: "text", text: prompt }] }, ...answers];
  const body = JSON.stringify({ model: "haiku", stream: true, messages });
  const headers = { "x-claude-code-session-id": "session" };
  const response = await fetch(`${model.url}/v1/messages?beta=true`, {
    method: "POST",
    body,
    headers,
    ...(signal && { signal }),
  });
  const text = await response.text();
  const lines = text.split("\n").filter((line) => line.startsWith("data: "));
  return {
    status: response.status,
    events: lines.map((line) => JSON.parse(line.slice(6)) as Heard["events"][number]),
    text,
  };
}

const said = ({ events }: Heard): unknown[] =>
  events.flatMap((event) => (event.type === "content_block_delta" ? [event["delta"]] : []));

test("the first turn that fits answers: by the prompt, by how often it spoke, as often as it may", async () => {
  await using model = await startScriptedModel([
    { when: /apples/, text: "A", times: 1 },
    { after: 1, text: "second" },
    { when: /apples/, text: "B" },
  ]);
  const answers = [];
  for (const [prompt, spoken] of [
    ["apples", 0],
    ["apples", 0],
    ["apples", 1],
    ["pears", 1],
  ] as const)
    answers.push(...said(await ask(model, prompt, spoken)));
  expect(answers).toEqual(["A", "B", "second", "second"].map((text) => ({ type: "text_delta", text })));
});

test("what the CLI adds for the model is no part of the prompt", async () => {
  await using model = await startScriptedModel([{ when: /good name/, text: "no" }]);
  expect((await ask(model, "another")).status).toBe(404);
});

test("a turn is thought, words and tools in one answer, and billed as the stream says", async () => {
  await using model = await startScriptedModel([
    { thinking: "hm", text: "so", tools: [{ name: "Bash", input: { command: "true" } }] },
  ]);
  const heard = await ask(model, "go");
  const types = heard.events.flatMap((event) => {
    const block = event["content_block"] as { type: string } | undefined;
    return block ? [block.type] : [];
  });
  expect(types).toEqual(["thinking", "text", "tool_use"]);
  const start = heard.events.find(({ type }) => type === "message_start")?.["message"] as { id: string; usage: object };
  const end = heard.events.find(({ type }) => type === "message_delta") as
    | { usage?: object; delta?: object }
    | undefined;
  const [exchange] = model.exchanges;
  expect(exchange).toMatchObject({
    sessionId: "session",
    model: "haiku",
    prompt: "go",
    spoken: 0,
    outcome: "answered",
  });
  expect(start).toMatchObject({ id: exchange?.bill?.messageId, usage: { input_tokens: exchange?.bill?.inputTokens } });
  expect(end).toMatchObject({
    delta: { stop_reason: "tool_use" },
    usage: { output_tokens: exchange?.bill?.outputTokens },
  });
});

test("a refusal has its status and no bill", async () => {
  await using model = await startScriptedModel([{ error: { status: 529, message: "BUSY" } }]);
  const { status, text } = await ask(model, "go");
  expect({ status, text }).toEqual({ status: 529, text: expect.stringContaining("BUSY") });
  expect(model.exchanges[0]).toMatchObject({ outcome: "refused", bill: null });
});

test("a turn that hangs says nothing more, and is not billed when the caller leaves", async () => {
  await using model = await startScriptedModel([{ hang: true }]);
  const leave = new AbortController();
  const asked = ask(model, "go", 0, leave.signal);
  asked.catch(() => undefined);
  await until(() => model.exchanges.length === 1);
  leave.abort();
  await expect(asked).rejects.toThrow(/abort/);
  await until(() => model.exchanges[0]?.outcome === "left");
  expect(model.exchanges[0]?.bill).toBeNull();
});

test("a caller that leaves before the answer is not billed", async () => {
  await using model = await startScriptedModel([{ delayMs: 300, text: "late" }, { text: "next" }]);
  const leave = new AbortController();
  const asked = ask(model, "go", 0, leave.signal);
  asked.catch(() => undefined);
  await until(() => model.exchanges.length === 1);
  leave.abort();
  await until(() => model.exchanges[0]?.outcome === "left");
  await ask(model, "go");
  expect(model.exchanges[0]?.bill).toBeNull();
});

test("other requests are refused by name", async () => {
  await using model = await startScriptedModel([]);
  const response = await fetch(`${model.url}/v1/models`);
  expect({ status: response.status, text: await response.text() }).toEqual({
    status: 404,
    text: expect.stringContaining("GET /v1/models"),
  });
  const damaged = await fetch(`${model.url}/v1/messages`, { method: "POST", body: "{" });
  expect(damaged.status).toBe(400);
});

test("the demo's script has an answer to each of its prompts, until the last", async () => {
  await using model = await startScriptedModel(DEMO_TURNS.map(({ delayMs: _delay, ...turn }) => turn));
  for (const { execute } of DEMO_JOBS) {
    if (execute.type !== "prompt") continue;
    const [first, second] = [await ask(model, execute.value), await ask(model, execute.value, 1)];
    expect(JSON.stringify(first.events)).toContain('"stop_reason":"tool_use"');
    expect(JSON.stringify(second.events)).toContain('"stop_reason":"end_turn"');
  }
});
