/** Which kinds of providers have a screen of their own. */
import type { ProviderKind } from "../words/kinds.ts";
import { claudeScreen } from "./claude-code/screen.ts";
import { codexScreen } from "./codex/screen.ts";
import { opencodeScreen } from "./opencode/screen.ts";
import { piScreen } from "./pi/screen.ts";
import type { ProviderScreen } from "./screen.ts";

/** null: nothing to take over; its conversation is followed and answered through us alone. */
export const SCREENS: Readonly<Record<ProviderKind, ProviderScreen | null>> = {
  "claude-code": claudeScreen,
  codex: codexScreen,
  opencode: opencodeScreen,
  pi: piScreen,
  acp: null,
  command: null,
};
