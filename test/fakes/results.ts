/** What a fake gives as the result of a turn: the least of the shape that was asked for. A script's word goes first. */

/** A value of that shape, of whatever size: no program looks at bounds. */
function sampleOf(schema: unknown): unknown {
  const given = new Map<string, unknown>(Object.entries(Object(schema)));
  switch (given.get("type")) {
    case "object": {
      const members: [string, unknown][] = Object.entries(Object(given.get("properties")));
      return Object.fromEntries(members.map(([name, member]) => [name, sampleOf(member)]));
    }
    case "array":
      return [];
    case "boolean":
      return true;
    case "string":
      return "x";
    default:
      return 0;
  }
}

const scripted = (text: string, steps: readonly unknown[]): string =>
  text.split("\n").some((line) => line.startsWith("SCRIPT ")) ? text : `SCRIPT ${JSON.stringify(steps)}`;

/** Codex: the last answer is the result. */
export const spokenResult = (text: string, schema: unknown): string =>
  schema === undefined ? text : scripted(text, [{ say: JSON.stringify(sampleOf(schema)) }]);

/** Claude Code: a tool takes it, whose call is demanded; what was said before is no result. */
export const calledResult = (text: string, schema: string | undefined): string =>
  schema === undefined
    ? text
    : scripted(text, [
        { say: "here" },
        {
          tool: "StructuredOutput",
          input: sampleOf(JSON.parse(schema)),
          result: "Structured output provided successfully",
        },
      ]);
