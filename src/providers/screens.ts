/** Which kinds of providers have a screen of their own. Each is loaded when a person asks for it. */
import type { ProviderKind } from "../words/kinds.ts";
import type { ProviderScreen } from "./screen.ts";

/** null: nothing to take over; its conversation is followed and answered through us alone. */
const SCREENS: Readonly<Record<ProviderKind, (() => Promise<ProviderScreen>) | null>> = {
  "claude-code": async () => (await import("./claude-code/screen.ts")).claudeScreen,
  codex: async () => (await import("./codex/screen.ts")).codexScreen,
  opencode: async () => (await import("./opencode/screen.ts")).opencodeScreen,
  pi: async () => (await import("./pi/screen.ts")).piScreen,
  acp: null,
  command: null,
};

/** null also for a provider that the config has not any more. */
export async function screenOfKind(kind: ProviderKind | undefined): Promise<ProviderScreen | null> {
  return kind === undefined ? null : ((await SCREENS[kind]?.()) ?? null);
}
