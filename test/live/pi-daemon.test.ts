/** The real Pi behind the compiled daemon. */
import { afterAll } from "bun:test";
import { join } from "node:path";
import { ABILITIES } from "../provider/abilities.ts";
import { writePiHome } from "./pi-home.ts";
import { installPi } from "./pi.install.ts";
import type { ChatStep } from "./stub-chat.ts";
import { startChatStub } from "./stub-chat.ts";
import { liveSuite } from "./suite.ts";

const installed = await installPi(process.env);
const stub = startChatStub();
afterAll(() => stub.stop());

const model = (...steps: readonly ChatStep[]): string => `MODEL ${JSON.stringify(steps)}`;

liveSuite({
  title: "Pi",
  name: "pi",
  installed,
  settings: {
    command: "command" in installed ? installed.command : "pi",
    model: "stub/stub-1",
    env: { STUB_API_KEY: "stub-key" },
  },
  env: {},
  abilities: ABILITIES.pi,
  prepare: (box) => writePiHome(join(box.home, ".pi/agent"), stub.url),
  ask: {
    say: (text, gate) => model({ say: text, chunks: 4, ...(gate === undefined ? {} : { gate }) }),
    run: (command, then) => model({ call: [{ name: "bash", args: { command } }] }, { say: then }),
    fail: (status, then) => model({ status, times: then?.times ?? "always", say: then?.text ?? "never said" }),
    question: (question, options, then) =>
      model({ call: [{ name: "ask_user", args: { question, options } }] }, { say: then }),
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
