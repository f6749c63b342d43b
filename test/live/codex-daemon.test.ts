/** The real Codex behind the compiled daemon. */
import { afterAll } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ABILITIES } from "../provider/abilities.ts";
import { writeCodexSettings } from "./codex-home.ts";
import { installCodex } from "./codex.install.ts";
import type { ModelStep } from "./stub-responses.ts";
import { startResponsesStub } from "./stub-responses.ts";
import { liveSuite } from "./suite.ts";

const installed = await installCodex(process.env);
const stub = startResponsesStub();
afterAll(() => stub.stop());

const model = (...steps: readonly ModelStep[]): string => `MODEL ${JSON.stringify(steps)}`;

liveSuite({
  title: "Codex",
  name: "codex",
  installed,
  settings: { command: "path" in installed ? installed.path : "codex", env: { STUB_KEY: "stub-key" } },
  env: {},
  abilities: ABILITIES.codex,
  prepare(box) {
    writeCodexSettings(join(box.home, ".codex"), stub.url);
    mkdirSync(join(box.home, "tmp"));
  },
  ask: {
    say: (text, gate) => model({ say: text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
    run: (command, then) => model({ run: command }, { say: then }),
    fail: (status, then) => model({ status, times: then?.times ?? 99 }, { say: then?.text ?? "never said" }),
    question: (question, options, then) =>
      model(
        {
          call: {
            name: "request_user_input",
            args: {
              questions: [
                { id: "q1", header: "H", question, options: options.map((label) => ({ label, description: "d" })) },
              ],
            },
          },
        },
        { say: then },
      ),
  },
  answerTo: (prompt) => `echo: ${prompt}`,
  lastRequest: () => JSON.stringify(stub.requests.at(-1)?.body),
  unauthorized: /401/,
  goesOnAfterDeny: true,
  tellsWhyDenied: false,
  tellsToolOutput: true,
  keepsGrants: true,
  longestInputBytes: 1_000_000,
});
