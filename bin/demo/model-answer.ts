import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { ModelRequest } from "./model-request.ts";
import type { Turn } from "./scripted-model.ts";

/** Tokens as the API counts them. */
interface TokenCount {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
}

export interface Answer {
  readonly id: string;
  readonly model: string;
  readonly turn: Turn;
  readonly usage: TokenCount;
}

/** The usual rule of thumb; nobody pays by it here. */
const CHARACTERS_PER_TOKEN = 4;

export function usageOf(request: ModelRequest, turn: Turn): TokenCount {
  const asked = JSON.stringify([request.system, request.tools, request.messages]).length;
  const said = JSON.stringify([turn.thinking, turn.text, turn.tools]).length;
  return {
    input_tokens: Math.ceil(asked / CHARACTERS_PER_TOKEN),
    output_tokens: Math.ceil(said / CHARACTERS_PER_TOKEN),
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
  };
}

/** Says the turn as a stream of server-sent events, whole; false when the caller has left or is left to wait. */
export function stream(response: ServerResponse, { id, model, turn, usage }: Answer): boolean {
  const send = (type: string, data: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  };
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  const empty = { content: [], stop_reason: null, stop_sequence: null };
  const message = { id, type: "message", role: "assistant", model, ...empty, usage: { ...usage, output_tokens: 1 } };
  send("message_start", { message });
  if (turn.hang || response.destroyed) return false;
  for (const [index, { block, deltas }] of blocksOf(turn).entries()) {
    send("content_block_start", { index, content_block: block });
    for (const delta of deltas) send("content_block_delta", { index, delta });
    send("content_block_stop", { index });
  }
  const stop = { stop_reason: turn.tools?.length ? "tool_use" : "end_turn", stop_sequence: null };
  send("message_delta", { delta: stop, usage: { output_tokens: usage.output_tokens } });
  send("message_stop", {});
  response.end();
  return true;
}

function blocksOf({ thinking, text, tools }: Turn): { block: object; deltas: object[] }[] {
  const blocks = [];
  if (thinking !== undefined)
    blocks.push({
      block: { type: "thinking", thinking: "", signature: "" },
      deltas: [
        { type: "thinking_delta", thinking },
        { type: "signature_delta", signature: "c2NyaXB0ZWQ=" },
      ],
    });
  if (text !== undefined || !tools?.length)
    blocks.push({ block: { type: "text", text: "" }, deltas: [{ type: "text_delta", text: text ?? "" }] });
  for (const { name, input } of tools ?? [])
    blocks.push({
      block: { type: "tool_use", id: `toolu_${randomBytes(12).toString("hex")}`, name, input: {} },
      deltas: [{ type: "input_json_delta", partial_json: JSON.stringify(input) }],
    });
  return blocks;
}
