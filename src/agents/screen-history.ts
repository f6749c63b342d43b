/** What was said in the program's own screen, out of the program's own record. Never larger than is worth reading. */
import { closeSync } from "node:fs";
import { join } from "node:path";
import { openAgentFile, readAt } from "../process/agent-file.ts";
import { runHelper } from "../process/helper.ts";
import type { LaunchContext } from "../providers/contract.ts";
import type { HistorySource, Kept, ProviderScreen } from "../providers/screen.ts";

const MAX_BYTES = 32 * 1024 * 1024;
/** Some programs take half a minute to start on a busy machine, and what is not waited for is a gap. */
const PRINT_MS = 60_000;

export type Said = { readonly ok: true; readonly said: readonly Kept[] } | { readonly ok: false; readonly why: string };

/** Everything from `sinceMs` on, oldest first. Never rejects. */
export async function saidSince(screen: ProviderScreen, context: LaunchContext, sinceMs: number): Promise<Said> {
  try {
    const text = await textOf(screen.history(context), context);
    return { ok: true, said: screen.read(text).filter(({ at }) => at >= sinceMs) };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}

async function textOf(source: HistorySource, { env, cwd }: LaunchContext): Promise<string> {
  if (source.from === "program") {
    const { code, stdout, stopped } = await runHelper({
      argv: source.argv,
      env,
      cwd,
      timeoutMs: PRINT_MS,
      maxBytes: MAX_BYTES,
    });
    if (code !== 0) throw new Error(`the program did not print its history (${stopped ?? `code ${code ?? "?"}`})`);
    return stdout;
  }
  const files = [...new Bun.Glob(source.pattern).scanSync({ cwd: source.root, onlyFiles: true })].sort();
  const name = files.at(-1);
  if (name === undefined) throw new Error("the program's record of the conversation was not found");
  const opened = openAgentFile(join(source.root, name));
  if (opened.is !== "file") throw new Error("the program's record of the conversation cannot be read");
  try {
    // What is new stands at the end.
    const from = Math.max(0, opened.size - MAX_BYTES);
    return readAt(opened.fd, from, opened.size - from).toString("utf8");
  } finally {
    closeSync(opened.fd);
  }
}
