// file-timeout: 900 s
/** The real Codex behind its ACP adapter, an ACP agent behind the compiled daemon. */
import { afterAll } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ABILITIES } from "../provider/abilities.ts";
import { writeCodexSettings } from "./codex-home.ts";
import { installCodexAcp } from "./codexacp.install.ts";
import type { ModelStep } from "./stub-responses.ts";
import { startResponsesStub } from "./stub-responses.ts";
import { liveSuite } from "./suite.ts";

const installed = await installCodexAcp(process.env);
const stub = startResponsesStub();
afterAll(() => stub.stop());

/** One that Codex knows: of any other it warns in a message of the agent. */
const MODEL = "gpt-6.1-sol";
const model = (...steps: readonly ModelStep[]): string => `MODEL ${JSON.stringify(steps)}`;

liveSuite({
  title: "Codex over ACP",
  name: "codex-acp",
  installed,
  settings: {
    kind: "acp",
    command: "command" in installed ? installed.command : "codex-acp",
    env: { STUB_KEY: "stub-key", NO_BROWSER: "1" },
  },
  env: {},
  // For a command outside of its sandbox "always" is written into the user's rules.
  abilities: { ...ABILITIES.acp, allowAlways: false },
  prepare(box) {
    writeCodexSettings(join(box.home, ".codex"), stub.url, { model: MODEL });
    mkdirSync(join(box.home, "tmp"));
  },
  ask: {
    say: (text, gate) => model({ say: text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
    // It asks when the model wants a command to run outside of its sandbox.
    run: (command, then) =>
      model(
        { run: command, runArgs: { sandbox_permissions: "require_escalated", justification: "why" } },
        { say: then },
      ),
    fail: (status, then) => model({ status, times: then?.times ?? 99 }, { say: then?.text ?? "never said" }),
  },
  answerTo: (prompt) => `echo: ${prompt}`,
  // It has a smaller model name the conversation.
  lastRequest: () => JSON.stringify(stub.requests.findLast(({ model }) => model === MODEL)?.body),
  unauthorized: /Authentication required/,
  goesOnAfterDeny: false,
  tellsWhyDenied: false,
  tellsToolOutput: true,
  keepsGrants: false,
  longestInputBytes: 1_000_000,
});
