/** A shorter value would black out half of every line, and is no secret. */
const MIN_SECRET_CHARACTERS = 6;

/** The secrets that this process holds, hidden by value in whatever shape a JSON line can show them. */
export function createSecrets(): { add(value: string): void; hide(line: string): string } {
  const shapes = new Set<string>();
  return {
    add(value) {
      if (value.length < MIN_SECRET_CHARACTERS) return;
      for (const shape of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]) shapes.add(shape);
    },
    hide(line) {
      let hidden = line;
      for (const shape of shapes) hidden = hidden.replaceAll(shape, "[secret]");
      return hidden;
    },
  };
}
