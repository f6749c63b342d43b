/**
 * The few system programs we call (`mkfifo`, `cat`, `fallocate`): found by our own PATH, given nothing else of our
 * environment.
 */

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
}

/** Runs a program to its end; code 127 and a message when there is none of that name. */
export async function runTool(argv: readonly string[]): Promise<ToolResult> {
  try {
    const tool = Bun.spawn([...argv], { stdio: ["ignore", "ignore", "pipe"], env: toolEnv() });
    const [code, stderr] = await Promise.all([tool.exited, new Response(tool.stderr).text()]);
    return { code, stderr: stderr.trim() };
  } catch (error) {
    return { code: 127, stderr: error instanceof Error ? error.message : String(error) };
  }
}
