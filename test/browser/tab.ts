/**
 * One tab: what a person does in it (real mouse and keys), what can be seen in it, and everything that it complained
 * of.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Protocol } from "./chromium.ts";

export interface Tab {
  readonly context: string;
  /** Addresses of every request so far. */
  readonly requests: { readonly url: string; readonly method: string; readonly body: string | undefined }[];
  /** Addresses of those that were answered so far, at least with a status. */
  readonly answered: string[];
  /** Uncaught exceptions, console errors, reports of the content policy, JavaScript dialogs. */
  readonly complaints: string[];
  send(method: string, params?: object): Promise<Record<string, unknown>>;
  goto(url: string): Promise<void>;
  /** As a person presses reload: what the page keeps for the tab stays. */
  reload(): Promise<void>;
  /** Leaves the page, and everything that it kept open. */
  blank(): Promise<void>;
  /** The value of an expression in the page, as JSON. */
  look<T = unknown>(expression: string): Promise<T>;
  /** Waits until the expression is truthy and gives its value. */
  until<T = unknown>(expression: string, limitMs?: number): Promise<T>;
  /** Waits until an element with this selector, and with this text in it, can be seen. */
  see(selector: string, text?: string): Promise<void>;
  /** All the text of the first element with this selector. */
  text(selector: string): Promise<string>;
  /** A real click into the middle of the first such element that can be seen. */
  click(selector: string, text?: string): Promise<void>;
  /** `Enter`, `Escape`, `Tab`, `a`, `Control+k` … */
  press(key: string): Promise<void>;
  type(text: string): Promise<void>;
  hover(selector: string): Promise<void>;
  viewport(width: number, height: number, options?: { readonly mobile?: boolean }): Promise<void>;
  scheme(scheme: "light" | "dark", reducedMotion?: boolean): Promise<void>;
  /** As a person who turns to another tab, and back. */
  setHidden(hidden: boolean): Promise<void>;
  offline(offline: boolean): Promise<void>;
  /** Lets go what `Fetch.enable` held back, and holds no more. */
  releaseRequests(): Promise<void>;
  screenshot(path: string): Promise<void>;
  close(): Promise<void>;
}

const WAIT_MS = 40_000;

export async function createTab(protocol: Protocol, session: string, target: string, context: string): Promise<Tab> {
  const send = (method: string, params: object = {}) => protocol.send(method, params, session);
  const requests: { url: string; method: string; body: string | undefined }[] = [];
  const answered: string[] = [];
  const complaints: string[] = [];
  const held: string[] = [];
  const stop = protocol.on((method, params, from) => {
    if (from !== session) return;
    if (method === "Network.requestWillBeSent") {
      const { url, method: verb, postData } = params["request"] as { url: string; method: string; postData?: string };
      requests.push({ url, method: verb, body: postData });
      // In no test does the page ask anybody but the daemon.
      if (!/^(about|blob|data):|^http:\/\/127\.0\.0\.1:/.test(url)) complaints.push(`asked ${url}`);
    }
    if (method === "Network.responseReceived") answered.push((params["response"] as { url: string }).url);
    if (method === "Fetch.requestPaused") held.push(String(params["requestId"]));
    if (method === "Runtime.exceptionThrown")
      complaints.push(`exception: ${JSON.stringify(params["exceptionDetails"])}`);
    if (method === "Audits.issueAdded") {
      const text = JSON.stringify(params["issue"]);
      if (text.includes("ContentSecurityPolicy")) complaints.push(`policy: ${text}`);
    }
    if (method === "Page.javascriptDialogOpening") {
      complaints.push(`dialog: ${String(params["message"])}`);
      void send("Page.handleJavaScriptDialog", { accept: false });
    }
  });
  for (const domain of ["Page", "Runtime", "Network", "Audits", "DOM"]) await send(`${domain}.enable`);

  const look = async <T>(expression: string): Promise<T> => {
    const answer = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (answer["exceptionDetails"] !== undefined)
      throw new Error(`${expression}: ${JSON.stringify(answer["exceptionDetails"]).slice(0, 600)}`);
    return (answer["result"] as { value: T }).value; // the caller knows what it asked for
  };

  const until = async <T>(expression: string, limitMs = WAIT_MS): Promise<T> => {
    const deadline = Date.now() + limitMs;
    for (;;) {
      // Between two documents nobody answers.
      const value = await look<T>(expression).catch((error: unknown) => {
        if (String(error).includes("Inspected target navigated")) return undefined;
        throw error;
      });
      if (value) return value;
      if (Date.now() > deadline) {
        const shown = await look<string>("document.body.innerText.slice(0, 1500)");
        throw new Error(`waited ${limitMs} ms for: ${expression}\nthe page shows:\n${shown}`);
      }
      await Bun.sleep(20);
    }
  };

  const settle = async (one: (requestId: string) => Promise<unknown>): Promise<void> => {
    for (let i = 0; held.length === 0 && i < WAIT_MS / 20; i += 1) await Bun.sleep(20);
    if (held.length === 0) throw new Error("no request was held back");
    for (const requestId of held.splice(0)) await one(requestId);
    await send("Fetch.disable");
  };

  /** The middle of the first element that can be seen, scrolled into view. */
  const place = (selector: string, text = ""): Promise<{ x: number; y: number }> =>
    until(`(() => {
      for (const each of document.querySelectorAll(${JSON.stringify(selector)})) {
        if (!each.textContent.includes(${JSON.stringify(text)}) || !each.checkVisibility()) continue;
        each.scrollIntoView({ block: "nearest", inline: "nearest" });
        const box = each.getBoundingClientRect();
        if (box.width > 0 && box.height > 0) return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      }
    })()`);

  const mouse = (type: string, at: { x: number; y: number }, clickCount = 1) =>
    send("Input.dispatchMouseEvent", { type, ...at, button: type === "mouseMoved" ? "none" : "left", clickCount });

  return {
    context,
    requests,
    answered,
    complaints,
    send,
    look,
    until,
    async goto(url) {
      await send("Page.navigate", { url });
      await until("document.readyState === 'complete' && location.href !== 'about:blank'");
    },
    async reload() {
      await look("void (window.before = true)");
      await send("Page.reload");
      await until("window.before === undefined && document.readyState === 'complete'");
    },
    async blank() {
      await send("Page.navigate", { url: "about:blank" });
      await until("location.href === 'about:blank' && document.readyState === 'complete'");
    },
    async see(selector, text = "") {
      await until(
        `[...document.querySelectorAll(${JSON.stringify(selector)})].some((each) => each.checkVisibility() && each.textContent.includes(${JSON.stringify(text)}))`,
      );
    },
    text: (selector) => look(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`),
    async click(selector, text) {
      const at = await place(selector, text);
      await mouse("mouseMoved", at);
      await mouse("mousePressed", at);
      await mouse("mouseReleased", at);
    },
    async hover(selector) {
      await mouse("mouseMoved", await place(selector));
    },
    async press(key) {
      await pressKey(send, key);
    },
    async type(text) {
      await send("Input.insertText", { text });
    },
    async viewport(width, height, { mobile = false } = {}) {
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile });
      await send("Emulation.setTouchEmulationEnabled", { enabled: mobile });
    },
    async scheme(scheme, reducedMotion = false) {
      await send("Emulation.setEmulatedMedia", {
        features: [
          { name: "prefers-color-scheme", value: scheme },
          { name: "prefers-reduced-motion", value: reducedMotion ? "reduce" : "no-preference" },
        ],
      });
    },
    async setHidden(hidden) {
      await look(`(() => {
        Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
        Object.defineProperty(document, "visibilityState", { value: ${hidden ? "'hidden'" : "'visible'"}, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      })()`);
    },
    async offline(offline) {
      const rates = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
      await send("Network.emulateNetworkConditions", { offline, ...rates });
    },
    releaseRequests: () => settle((requestId) => send("Fetch.continueRequest", { requestId })),
    async screenshot(path) {
      await look("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
      const { data } = await send("Page.captureScreenshot", { format: "png", optimizeForSpeed: false });
      mkdirSync(dirname(path), { recursive: true });
      await Bun.write(path, Buffer.from(String(data), "base64"));
    },
    async close() {
      stop();
      await protocol.send("Target.closeTarget", { targetId: target });
    },
  };
}

const KEYS: Readonly<Record<string, { readonly code: string; readonly keyCode: number; readonly text?: string }>> = {
  Enter: { code: "Enter", keyCode: 13, text: "\r" },
  Escape: { code: "Escape", keyCode: 27 },
  Tab: { code: "Tab", keyCode: 9 },
  Backspace: { code: "Backspace", keyCode: 8 },
  ArrowUp: { code: "ArrowUp", keyCode: 38 },
  ArrowDown: { code: "ArrowDown", keyCode: 40 },
  End: { code: "End", keyCode: 35 },
  Home: { code: "Home", keyCode: 36 },
  Space: { code: "Space", keyCode: 32, text: " " },
};
const MODIFIERS: Readonly<Record<string, number>> = { Alt: 1, Control: 2, Meta: 4, Shift: 8 };

async function pressKey(
  send: (method: string, params: object) => Promise<unknown>,
  combination: string,
): Promise<void> {
  const parts = combination.split("+");
  const name = parts.pop() ?? "";
  const modifiers = parts.reduce((sum, part) => sum + (MODIFIERS[part] ?? 0), 0);
  const known = KEYS[name];
  const key = name === "Space" ? " " : name;
  const code = known?.code ?? (/[a-z]/i.test(name) ? `Key${name.toUpperCase()}` : "");
  const text = (modifiers & ~8) === 0 ? (known === undefined ? name : known.text) : undefined;
  const common = {
    key,
    code,
    modifiers,
    windowsVirtualKeyCode: known?.keyCode ?? name.toUpperCase().charCodeAt(0),
    ...(text === undefined ? {} : { text }),
  };
  await send("Input.dispatchKeyEvent", { ...common, type: text === undefined ? "rawKeyDown" : "keyDown" });
  await send("Input.dispatchKeyEvent", { ...common, type: "keyUp" });
}
