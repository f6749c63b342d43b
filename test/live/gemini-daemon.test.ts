// file-timeout: 900 s
/** The real Gemini CLI, an ACP agent, behind the compiled daemon. */
import { afterAll } from "bun:test";
import { ABILITIES } from "../provider/abilities.ts";
import { keepSessions, makeSessionsOlder } from "./gemini-chats.ts";
import { installGemini } from "./gemini.install.ts";
import type { ModelStep } from "./stub-gemini.ts";
import { digestAnswer, startGeminiStub } from "./stub-gemini.ts";
import { liveSuite } from "./suite.ts";

const installed = await installGemini(process.env);
const stub = startGeminiStub();
afterAll(() => stub.close());

const model = (...steps: readonly ModelStep[]): string => `MODEL ${JSON.stringify(steps)}`;
const shell = (command: string) => [{ name: "run_shell_command", args: { command, description: "a step" } }];

liveSuite({
  title: "Gemini CLI",
  name: "gemini",
  installed,
  settings: {
    kind: "acp",
    command: "command" in installed ? [...installed.command, "--acp"] : "gemini",
    model: "gemini-2.5-flash",
    env: { GEMINI_API_KEY: "key-of-the-user", GOOGLE_GEMINI_BASE_URL: stub.url },
  },
  env: {},
  abilities: ABILITIES.acp,
  prepare: (box) => keepSessions(box.home),
  beforeResume: (box) => makeSessionsOlder(box.home),
  ask: {
    say: (text, gate) => model({ text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
    run: (command, then) => model({ tools: shell(command) }, { text: then }),
    fail: (status, then) => model({ status, ...(then === undefined ? {} : { times: then.times, text: then.text }) }),
  },
  answerTo: digestAnswer,
  lastRequest: () => stub.requests.at(-1)?.contents ?? "",
  unauthorized: /401/,
  goesOnAfterDeny: false,
  tellsWhyDenied: false,
  tellsToolOutput: false,
  keepsGrants: false,
  longestInputBytes: 300_000,
});
