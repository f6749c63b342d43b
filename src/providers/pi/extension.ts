/**
 * Our Pi extension: the source that is written next to the agent's files and loaded with `-e`, and the marks by which
 * its dialogs are known on the wire. Pi itself never asks before a tool runs; this is what makes it ask.
 *
 * The source must import nothing: it is loaded from a folder of ours, where no package can be resolved. A handler that
 * throws blocks the tool, and a file that does not load ends Pi at its start, so an error here never lets a tool run.
 */

/**
 * Titles of our dialogs are this mark and one JSON object: the only place where Pi lets an extension say more than a
 * line.
 */
export const MARK = "agent-harness:";

/** What the dialog of a tool is answered with; `deny: REASON` gives the model the reason. */
export const ANSWERS = { allow: "allow", allowAlways: "allow_always", deny: "deny" } as const;

export const EXTENSION_FILE = "pi/permissions.mjs";

/** Tools of Pi that only look. Everything else asks, also what other extensions bring. */
const READERS = ["read", "grep", "find", "ls", "ask_user"];

export const EXTENSION_SOURCE = `// Written anew at every start by agent-harness; changes are lost.
const MARK = ${JSON.stringify(MARK)};
const READERS = new Set(${JSON.stringify(READERS)});

// A shell command is granted as it stands, any other tool as a whole.
function grantOf(tool, input) {
  const command = input && typeof input.command === "string" ? input.command : undefined;
  return command === undefined
    ? { grant: "tool:" + tool, scope: "every call of " + tool }
    : { grant: "command:" + tool + ":" + command, scope: "this very command" };
}

export default function (pi) {
  const granted = new Set();

  pi.on("tool_call", async (event, ctx) => {
    if (READERS.has(event.toolName)) return;
    const { grant, scope } = grantOf(event.toolName, event.input);
    if (granted.has(grant)) return;
    if (!ctx.hasUI) return { block: true, reason: "Nobody can be asked for permission in this mode." };
    const title = MARK + JSON.stringify({ ask: "tool", call: event.toolCallId, tool: event.toolName, input: event.input, grant, scope });
    // Without the signal an abort would wait for the answer.
    const answer = await ctx.ui.select(title, ["allow", "allow_always", "deny"], { signal: ctx.signal });
    if (answer === "allow_always") granted.add(grant);
    if (answer === "allow" || answer === "allow_always") return;
    const reason = typeof answer === "string" && answer.startsWith("deny: ") ? answer.slice(6) : "";
    return { block: true, reason: reason === "" ? "The user did not allow this." : "The user did not allow this: " + reason };
  });

  pi.registerTool({
    name: "ask_user",
    label: "Ask the user",
    description: "Ask the user a question and wait for the answer. Give options when the answer is one of a few.",
    parameters: {
      type: "object",
      properties: {
        question: { type: "string", description: "The question" },
        options: { type: "array", items: { type: "string" }, description: "Answers to choose from" },
      },
      required: ["question"],
    },
    executionMode: "sequential",
    async execute(call, params, signal, _update, ctx) {
      const options = Array.isArray(params.options) ? params.options : [];
      const title = MARK + JSON.stringify({ ask: "question", call, question: params.question });
      const answer = !ctx.hasUI ? undefined
        : options.length > 0 ? await ctx.ui.select(title, options, { signal })
        : await ctx.ui.input(title, "", { signal });
      const text = answer === undefined ? "The user did not answer." : "The user answered: " + answer;
      return { content: [{ type: "text", text }], details: undefined };
    },
  });
}
`;
