import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXTENSION_SOURCE, MARK } from "../../../../src/providers/pi/extension.ts";
import { createExtensionHost } from "../../../fakes/pi-host.ts";

const folder = mkdtempSync(join(tmpdir(), "ah-pi-extension-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "permissions.mjs");
writeFileSync(path, EXTENSION_SOURCE);

interface Dialog {
  readonly id: string;
  readonly method: string;
  readonly title: string;
  readonly options?: readonly string[];
}

async function host() {
  const dialogs: Dialog[] = [];
  // A module is loaded once in a process, but each host calls its factory anew, as each Pi process does.
  const it = await createExtensionHost(path, (frame) => dialogs.push(frame as Dialog));
  return { ...it, dialogs, reply: (value: string) => it.answer(dialogs.at(-1)?.id ?? "", { value }) };
}

const call = (name: string, input: Record<string, unknown> = {}) => ({ id: "c1", name, input });

describe("the extension", () => {
  test("needs no package", () => {
    expect(EXTENSION_SOURCE).not.toMatch(/\bimport\b|\brequire\b/);
  });

  test.each(["read", "grep", "find", "ls", "ask_user"])("lets %s run", async (name) => {
    const it = await host();
    expect(await it.ask(call(name))).toEqual({ allow: true });
    expect(it.dialogs).toEqual([]);
  });

  test.each(["bash", "edit", "write", "powershell", "mcp__github__push", "anything"])(
    "asks before %s, and says all of it",
    async (name) => {
      const it = await host();
      const decision = it.ask(call(name, { path: 'a\u2028b"' }));
      const { method, title, options } = it.dialogs[0] ?? { method: "", title: "" };
      expect({ method, options }).toEqual({ method: "select", options: ["allow", "allow_always", "deny"] });
      expect(JSON.parse(title.slice(MARK.length))).toMatchObject({
        ask: "tool",
        call: "c1",
        tool: name,
        input: { path: 'a\u2028b"' },
        grant: `tool:${name}`,
      });
      it.reply("allow");
      expect(await decision).toEqual({ allow: true });
    },
  );

  test.each([
    ["deny", "The user did not allow this."],
    ["deny: use git", "The user did not allow this: use git"],
    ["Allow", "The user did not allow this."],
  ])("the answer %p blocks", async (value, message) => {
    const it = await host();
    const decision = it.ask(call("bash", { command: "ls" }));
    it.reply(value);
    expect(await decision).toEqual({ allow: false, message });
  });

  test("allow_always holds for the very command, and for the whole of another tool", async () => {
    const it = await host();
    const first = it.ask(call("bash", { command: "make" }));
    it.reply("allow_always");
    await first;
    expect(await it.ask(call("bash", { command: "make", timeout: 5 }))).toEqual({ allow: true });
    void it.ask(call("bash", { command: "make install" }));
    expect(it.dialogs).toHaveLength(2);

    const edit = it.ask(call("edit", { path: "a" }));
    it.reply("allow_always");
    await edit;
    expect(await it.ask(call("edit", { path: "b" }))).toEqual({ allow: true });
  });

  test("an aborted dialog blocks", async () => {
    const it = await host();
    const decision = it.ask(call("bash", { command: "ls" }));
    it.withdraw("c1");
    expect(await decision).toMatchObject({ allow: false });
  });

  test("offers the model a question", async () => {
    const it = await host();
    const chosen = it.question({ id: "c1", question: "Which?", options: ["Red", "Blue"] });
    expect(it.dialogs[0]).toMatchObject({ method: "select", options: ["Red", "Blue"] });
    it.reply("Blue");
    expect(await chosen).toBe("The user answered: Blue");
    const free = it.question({ id: "c2", question: "Name?", options: [] });
    expect(it.dialogs[1]).toMatchObject({ method: "input" });
    it.withdraw("c2");
    expect(await free).toBe("The user did not answer.");
  });
});
