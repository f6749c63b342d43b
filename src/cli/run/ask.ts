/** A request in the middle of a run: shown whole, then answered by a line of the person's. */
import type { Decided } from "../answers.ts";
import type { Asked } from "../asks.ts";
import { questionsOf, reasonText } from "../asks.ts";
import type { Output } from "../io.ts";
import { showRequest } from "../request.ts";
import { oneLine, squeezed, wrap } from "../text.ts";
import type { Terminal } from "../tty.ts";

/** null: it is left waiting. Rejects by the signal, when somebody else has answered. */
export async function askPerson(
  request: Asked,
  err: Output,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Decided | null> {
  const head = `${request.tool} asks: ${squeezed(reasonText(request))}`;
  for (const line of wrap(oneLine(head), err.width())) err.line(line);
  await showRequest(request, err, terminal, signal);
  return request.kind === "question" ? askQuestions(request, terminal, signal) : askVerdict(request, terminal, signal);
}

async function askVerdict(request: Asked, terminal: Terminal, signal: AbortSignal): Promise<Decided | null> {
  const always = request.options.includes("allow_always");
  const choices = `allow (a)${always ? ", always for this agent (A)" : ""}, deny (d, or d REASON), leave it waiting (l): `;
  for (;;) {
    const line = await terminal.line(choices, signal);
    const verdict = line === null ? "leave" : readVerdict(line.trim(), always);
    if (verdict === "leave") return null;
    if (verdict !== null) return verdict;
  }
}

/** null: not understood. */
export function readVerdict(line: string, always: boolean): Decided | "leave" | null {
  if (line === "l") return "leave";
  if (line === "a") return { decision: "allow" };
  if (line === "A") return always ? { decision: "allow_always" } : null;
  const reason = /^d(?:\s+(.*))?$/s.exec(line);
  if (reason === null) return null;
  const message = reason[1]?.trim() ?? "";
  return { decision: "deny", ...(message === "" ? {} : { message }) };
}

async function askQuestions(request: Asked, terminal: Terminal, signal: AbortSignal): Promise<Decided | null> {
  const answers: Record<string, string> = {};
  for (const { question, options } of questionsOf(request.detail)) {
    const numbered = options.map((option, i) => `${i + 1} ${oneLine(option)}`).join(", ");
    for (let answer = ""; answer === "";) {
      const line = await terminal.line(`${oneLine(question)} (${numbered}; l leaves it waiting): `, signal);
      if (line === null || line.trim() === "l") return null;
      answer = options[Number(line) - 1] ?? line.trim();
      answers[question] = answer;
    }
  }
  return { decision: "allow", answers };
}
