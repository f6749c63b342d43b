/**
 * A headless Chromium over its DevTools protocol: one process, its tabs. Installed by apt where that is possible. Knows
 * nothing of the page under test.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTab } from "./tab.ts";
import type { Tab } from "./tab.ts";

const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--remote-debugging-port=0",
];

export interface Protocol {
  send(method: string, params?: object, session?: string): Promise<Record<string, unknown>>;
  on(listener: (method: string, params: Record<string, unknown>, session: string | undefined) => void): () => void;
}

export interface Browser {
  /** A tab with storage of its own, or with that of `beside`. */
  tab(beside?: Tab): Promise<Tab>;
  /** The one tab that tests use one after the other: a new one is dear. Its books are empty again. */
  again(): Promise<Tab>;
  close(): Promise<void>;
}

/** Where the program is, or why it cannot be had. */
export const found = findChromium();

function findChromium(): { readonly path: string } | { readonly skip: string } {
  const named = process.env["AH_TEST_CHROMIUM"];
  const here = () => (named === undefined ? PROGRAMS : [named]).find((path) => existsSync(path));
  const path = here();
  if (path !== undefined) return { path };
  if (named !== undefined) return { skip: `AH_TEST_CHROMIUM names ${named}, which is not there` };
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null)
    return { skip: "no Chromium in /usr/bin, and it can only be installed by root with apt" };
  const log = install();
  const installed = here();
  return installed === undefined ? { skip: `apt could not install chromium: ${log}` } : { path: installed };
}

function install(): string {
  // Two test files may ask at once: apt's own lock makes one of them wait.
  const script =
    "apt-get update -qq; apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=240 chromium fonts-dejavu-core";
  const { stdout, stderr } = Bun.spawnSync(["sh", "-c", script], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdout: "pipe",
    stderr: "pipe",
  });
  return `${stdout}${stderr}`.trim().split("\n").slice(-2).join(" | ");
}

export async function launch(): Promise<Browser> {
  if ("skip" in found) throw new Error(found.skip);
  const profile = mkdtempSync(join(tmpdir(), "ah-chromium-"));
  const child = Bun.spawn([found.path, ...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    env: { PATH: process.env["PATH"] ?? "", HOME: profile, TZ: "UTC", LANG: "C.UTF-8" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const protocol = await connect(await address(child.stderr));
  const tab = async (beside?: Tab): Promise<Tab> => {
    const context =
      beside === undefined ? (await protocol.send("Target.createBrowserContext"))["browserContextId"] : beside.context;
    const { targetId } = await protocol.send("Target.createTarget", {
      url: "about:blank",
      browserContextId: context,
      newWindow: true, // two tabs of one window would hide each other
    });
    const { sessionId } = await protocol.send("Target.attachToTarget", { targetId, flatten: true });
    return await createTab(protocol, String(sessionId), String(targetId), String(context));
  };
  let shared: Promise<Tab> | undefined;
  return {
    tab,
    async again() {
      const one = await (shared ??= tab());
      await one.offline(false);
      await one.blank();
      one.requests.length = one.complaints.length = 0;
      return one;
    },
    async close() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

async function address(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  const found = Promise.withResolvers<string>();
  // Read to its end: what it goes on to print is nobody's, but a full pipe would stop it.
  void (async () => {
    let text = "";
    for await (const bytes of stderr) {
      if (text.length < 100_000) text += decoder.decode(bytes, { stream: true });
      const url = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
      if (url !== undefined) found.resolve(url);
    }
    found.reject(new Error(`Chromium did not start: ${text.slice(-500)}`));
  })();
  return found.promise;
}

async function connect(url: string): Promise<Protocol> {
  const socket = new WebSocket(url);
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  const listeners = new Set<Parameters<Protocol["on"]>[0]>();
  let ids = 0;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data)) as Record<string, Record<string, unknown> & string>;
    const id = Number(message["id"]);
    if (message["id"] === undefined) {
      for (const each of listeners) each(String(message["method"]), message["params"] ?? {}, message["sessionId"]);
      return;
    }
    const answer = waiting.get(id);
    waiting.delete(id);
    if (message["error"] === undefined) answer?.resolve(message["result"] ?? {});
    else answer?.reject(new Error(JSON.stringify(message["error"])));
  };
  socket.onclose = () => {
    for (const answer of waiting.values()) answer.reject(new Error("the browser is gone"));
  };
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`cannot connect to ${url}`));
  });
  return {
    send(method, params = {}, session) {
      const id = ++ids;
      const answer = Promise.withResolvers<Record<string, unknown>>();
      waiting.set(id, answer);
      socket.send(JSON.stringify({ id, method, params, ...(session === undefined ? {} : { sessionId: session }) }));
      return answer.promise;
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
