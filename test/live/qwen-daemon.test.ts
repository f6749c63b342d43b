// file-timeout: 900 s
/** The real Qwen Code, an ACP agent, behind the compiled daemon. */
import { afterAll } from "bun:test";
import { ABILITIES } from "../provider/abilities.ts";
import { installQwen } from "./qwen.install.ts";
import type { ChatStep } from "./stub-chat.ts";
import { startChatStub } from "./stub-chat.ts";
import { liveSuite } from "./suite.ts";

const installed = await installQwen(process.env);
const stub = startChatStub();
afterAll(() => stub.stop());

const model = (...steps: readonly ChatStep[]): string => `MODEL ${JSON.stringify(steps)}`;
const shell = (command: string) => [
  { name: "run_shell_command", args: { command, description: "a step", is_background: false } },
];

liveSuite({
  title: "Qwen Code",
  name: "qwen",
  installed,
  settings: {
    kind: "acp",
    command: "command" in installed ? [...installed.command, "--acp"] : "qwen",
    env: { OPENAI_API_KEY: "key-of-the-user", OPENAI_BASE_URL: stub.url, OPENAI_MODEL: "stub-1" },
  },
  env: {},
  // Its "always" is written into the project's or the user's settings.
  abilities: { ...ABILITIES.acp, allowAlways: false },
  ask: {
    say: (text, gate) => model({ say: text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
    run: (command, then) => model({ call: shell(command) }, { say: then }),
    fail: (status, then) => model({ status, times: then?.times ?? "always", say: then?.text ?? "never said" }),
  },
  answerTo: (prompt) => `echo: ${prompt}`,
  lastRequest: () => JSON.stringify(stub.requests.at(-1)?.body),
  unauthorized: /401/,
  goesOnAfterDeny: false,
  tellsWhyDenied: false,
  tellsToolOutput: true,
  keepsGrants: false,
  longestInputBytes: 300_000,
});
