// file-timeout: 900 s
/** The real OpenCode behind the compiled daemon. */
import { afterAll } from "bun:test";
import { ABILITIES } from "../provider/abilities.ts";
import { stubConfig } from "./opencode-drive.ts";
import { installOpenCode } from "./opencode.install.ts";
import type { ChatStep } from "./stub-chat.ts";
import { startChatStub } from "./stub-chat.ts";
import { liveSuite } from "./suite.ts";

const installed = await installOpenCode(process.env);
const stub = startChatStub();
afterAll(() => stub.stop());

const model = (...steps: readonly ChatStep[]): string => `MODEL ${JSON.stringify(steps)}`;

liveSuite({
  title: "OpenCode",
  name: "opencode",
  installed,
  settings: {
    command: "path" in installed ? installed.path : "opencode",
    model: "stub/stub-1",
    env: stubConfig(stub.url),
  },
  env: {},
  abilities: ABILITIES.opencode,
  ask: {
    say: (text, gate) => model({ say: text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
    run: (command, then) =>
      model({ call: [{ name: "bash", args: { command, description: "a test" } }] }, { say: then }),
    fail: (status, then) => model({ status, times: then?.times ?? "always", say: then?.text ?? "never said" }),
    question: (question, options, then) =>
      model(
        {
          call: [
            {
              name: "question",
              args: {
                questions: [
                  { question, header: "Pick", options: options.map((label) => ({ label, description: "a choice" })) },
                ],
              },
            },
          ],
        },
        { say: then },
      ),
  },
  answerTo: (prompt) => `echo: ${prompt}`,
  lastRequest: () => JSON.stringify(stub.requests.at(-1)?.body),
  unauthorized: /stub 401/,
  goesOnAfterDeny: true,
  tellsWhyDenied: true,
  tellsToolOutput: true,
  keepsGrants: true,
  longestInputBytes: 1_000_000,
});
