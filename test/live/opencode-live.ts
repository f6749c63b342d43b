/** The real OpenCode with the codec and the bridge in front of it and a stub model behind it: what its tests share. */
import type { LaunchContext } from "../../src/providers/contract.ts";
import { describeReal } from "./install.ts";
import type { Driven } from "./opencode-drive.ts";
import { driveOpenCode, openCodeHome } from "./opencode-drive.ts";
import { installOpenCode } from "./opencode.install.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installOpenCode(process.env);
export const real = describeReal("OpenCode", installed);

export const stub = startChatStub();
export const home = openCodeHome("skip" in installed ? "" : installed.path, stub.url);
export const running: Driven[] = [];

/** For `afterEach`. */
export async function endAll(): Promise<void> {
  await Promise.all(running.splice(0).map((each) => each.farewell()));
}
/** For `afterAll`. */
export async function close(): Promise<void> {
  await stub.stop();
  home.remove();
}

export async function ready(context: LaunchContext = home.context(), grants: readonly unknown[] = []): Promise<Driven> {
  const driven = driveOpenCode({ launch: context, grants });
  running.push(driven);
  await driven.next("ready");
  return driven;
}

export function script(...steps: readonly object[]): string {
  return `MODEL ${JSON.stringify(steps)}`;
}

export const bash = (command: string) => ({ call: [{ name: "bash", args: { command, description: "a test" } }] });
export const subagent = (...steps: readonly object[]) => ({
  call: [{ name: "task", args: { description: "sub job", prompt: script(...steps), subagent_type: "general" } }],
});
export const unknownFrames = (driven: Driven) => driven.facts.filter((fact) => fact.type === "unknown_frame");

export function sessionOf(driven: Driven): string {
  const fact = driven.facts.find((each) => each.type === "session");
  return fact?.type === "session" ? fact.id : "";
}
