/** What the live tests of Codex share: the installed program, one stub, a home of its own for each test. */
import { afterAll, afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import type { LaunchContext, ProviderFact } from "../../src/providers/contract.ts";
import { codexHome } from "./codex-home.ts";
import { type CodexPipe, openCodex, type PipeOptions } from "./codex-pipe.ts";
import { WAYS, installCodex } from "./codex.install.ts";
import { describeReal } from "./install.ts";
import { type ModelStep, startResponsesStub } from "./stub-responses.ts";

export const ways = WAYS;

const installed = await installCodex(process.env);
export const real = describeReal("Codex", installed);
export const binary = "skip" in installed ? "" : installed.path;

// Below the system's temporary folder Codex refuses to make its helper programs.
export const root = mkdtempSync("/var/tmp/ah-codex-");
export const stub = startResponsesStub();
export const running: CodexPipe[] = [];
let homes = 0;

/** The name that the next call of `home` takes. */
export function nextHome(): string {
  return `home-${homes + 1}`;
}

afterEach(async () => {
  for (const pipe of running.splice(0)) await pipe.end("SIGKILL");
});
afterAll(async () => {
  await stub.stop();
  rmSync(root, { recursive: true });
});

export function home(changes: Partial<LaunchContext> = {}, more = ""): LaunchContext {
  const name = nextHome();
  homes += 1;
  return { ...codexHome(root, name, stub.url, binary, more), ...changes };
}

export async function start(launch: LaunchContext = home(), rest: Partial<PipeOptions> = {}): Promise<CodexPipe> {
  const pipe = openCodex({ launch, ...rest });
  running.push(pipe);
  await pipe.fact("ready");
  return pipe;
}

export function model(...steps: readonly ModelStep[]): string {
  return `MODEL ${JSON.stringify(steps)}`;
}

export function session(pipe: CodexPipe): string {
  const found = pipe.facts.find((fact) => fact.type === "session");
  return found?.type === "session" ? found.id : "";
}

export function end(facts: readonly ProviderFact[]): Extract<ProviderFact, { type: "turn_ended" }> | undefined {
  return facts.find((fact) => fact.type === "turn_ended");
}

export function results(facts: readonly ProviderFact[]): readonly string[] {
  return facts.flatMap((fact) => (fact.type === "part" && fact.part.type === "tool_result" ? [fact.part.text] : []));
}

export function kinds(facts: readonly ProviderFact[]): readonly string[] {
  return facts.map((fact) => fact.type);
}
