// file-timeout: 1800 s
/** The real Pi's own screen, taken over and given back. */
import { afterAll } from "bun:test";
import { join } from "node:path";
import { attachSuite } from "./attach-suite.ts";
import { writePiHome } from "./pi-home.ts";
import { installPi } from "./pi.install.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installPi(process.env);
const stub = startChatStub();
afterAll(() => stub.stop());

attachSuite({
  title: "Pi",
  name: "pi",
  installed,
  settings: { command: "command" in installed ? installed.command : "pi", model: "stub/stub-1" },
  env: { STUB_API_KEY: "stub-key" },
  prepare: (box) => writePiHome(join(box.home, ".pi/agent"), stub.url),
  listens: /echo: one[\s\S]*stub-1/,
  async leave(pane) {
    pane.key("C-d");
  },
  answerTo: (prompt) => `echo: ${prompt}`,
  lastRequest: () => JSON.stringify(stub.requests.at(-1)?.body),
});
