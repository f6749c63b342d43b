// file-timeout: 1200 s
/** The real Kimi Code, an ACP agent, behind the compiled daemon. */
import { afterAll } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ABILITIES } from "../provider/abilities.ts";
import { installKimi } from "./kimi.install.ts";
import type { ChatStep } from "./stub-chat.ts";
import { startChatStub } from "./stub-chat.ts";
import { liveSuite } from "./suite.ts";

const installed = await installKimi(process.env);
const stub = startChatStub();
afterAll(() => stub.stop());

const model = (...steps: readonly ChatStep[]): string => `MODEL ${JSON.stringify(steps)}`;

/** A model service of the user's own; nothing is told to its makers, nothing is fetched. */
const SETTINGS = `default_model = "stub/stub-1"
telemetry = false

[providers.stub]
type = "openai"
base_url = "${stub.url}"
api_key = "key-of-the-user"

[models."stub/stub-1"]
provider = "stub"
model = "stub-1"
max_context_size = 1000000
capabilities = ["tool_use"]
`;

liveSuite({
  title: "Kimi Code",
  name: "kimi",
  installed,
  settings: {
    kind: "acp",
    command: "command" in installed ? [...installed.command, "acp"] : "kimi",
    env: { KIMI_CODE_NO_AUTO_UPDATE: "1" },
  },
  env: {},
  abilities: { ...ABILITIES.acp, tokens: false },
  prepare(box) {
    const folder = join(box.home, ".kimi-code");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "config.toml"), SETTINGS);
  },
  ask: {
    say: (text, gate) => model({ say: text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
    run: (command, then) => model({ call: [{ name: "Bash", args: { command } }] }, { say: then }),
    fail: (status, then) => model({ status, times: then?.times ?? "always", say: then?.text ?? "never said" }),
  },
  answerTo: (prompt) => `echo: ${prompt}`,
  lastRequest: () => JSON.stringify(stub.requests.at(-1)?.body),
  unauthorized: /401/,
  goesOnAfterDeny: true,
  tellsWhyDenied: false,
  tellsToolOutput: true,
  // It keeps them with the conversation by itself.
  keepsGrants: true,
  longestInputBytes: 300_000,
});
