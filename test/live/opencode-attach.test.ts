// file-timeout: 1800 s
/** The real OpenCode's own screen, taken over and given back. */
import { afterAll } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachSuite } from "./attach-suite.ts";
import { stubConfig } from "./opencode-drive.ts";
import { installOpenCode } from "./opencode.install.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installOpenCode(process.env);
const stub = startChatStub();
afterAll(() => stub.stop());

const { OPENCODE_CONFIG_CONTENT: config = "", ...switches } = stubConfig(stub.url);

attachSuite({
  title: "OpenCode",
  name: "opencode",
  installed,
  settings: { command: "path" in installed ? installed.path : "opencode", model: "stub/stub-1" },
  env: switches,
  // Not in a variable: what an untrusted project may bring is kept out by that one, here and in the screen.
  prepare(box) {
    const folder = join(box.home, ".config/opencode");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "opencode.json"), config);
  },
  listens: /echo: one[\s\S]*Stub 1/,
  async leave(pane) {
    pane.type("/exit");
    await pane.sees("/exit");
    await Bun.sleep(1500);
    pane.key("Enter");
  },
  answerTo: (prompt) => `echo: ${prompt}`,
  lastRequest: () => JSON.stringify(stub.requests.at(-1)?.body),
});
