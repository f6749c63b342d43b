/**
 * The few system programs we call (`mkfifo`, `cat`, `fallocate`): found by our own PATH, given nothing else of our
 * environment.
 */
import { runHelper } from "./helper.ts";
import { given } from "../lib/given.ts";

/**
 * What such a program may see: the daemon's secrets are not its business. The one place here that reads the
 * environment.
 */
export function toolEnv(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" };
}

export interface ToolResult {
  readonly code: number;
  readonly stderr: string;
  readonly cause?: unknown;
}

/** None of them has more to do than a moment's work, or more to say than a line. */
const TOOL_MS = 30_000;
const TOOL_BYTES = 64 * 1024;

/** Runs a program to its end; code 127 and a message when there is none of that name. */
export async function runTool(argv: readonly string[], stdin?: number): Promise<ToolResult> {
  const done = await runHelper({
    argv,
    env: toolEnv(),
    timeoutMs: TOOL_MS,
    maxBytes: TOOL_BYTES,
    ...given({ stdin }),
  });
  const { code, stderr, stopped, cause } = done;
  return { code: code ?? 1, stderr: stopped === "late" ? `not done after ${TOOL_MS} ms` : stderr.trim(), cause };
}
