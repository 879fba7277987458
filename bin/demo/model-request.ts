/** The parts of a Messages API request that the scripted model looks at. */
export interface ModelRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string | readonly Block[] }[];
  readonly system?: unknown;
  readonly tools?: unknown;
}

type Block = { readonly type: string; readonly text?: string };

/** A conversation, as a turn chooses by it. */
export interface Prompted {
  /** What the user wrote, all of it; without what the CLI adds for the model. */
  readonly prompt: string;
  /** How often the model has answered already. */
  readonly spoken: number;
}

export function readPrompted({ messages }: ModelRequest): Prompted {
  const written = messages.filter(({ role }) => role === "user").flatMap(({ content }) => texts(content));
  return {
    prompt: written.filter((text) => !text.trimStart().startsWith("<system-reminder>")).join("\n"),
    spoken: messages.filter(({ role }) => role === "assistant").length,
  };
}

function texts(content: string | readonly Block[]): string[] {
  if (typeof content === "string") return [content];
  return content.flatMap((block) => (block.type === "text" && block.text !== undefined ? [block.text] : []));
}
