/** OpenClaw's gateway as far as a hook sees it: `/hooks/wake` with its real answers, `/readyz`, `/healthz`. */

export interface WakeSeen {
  readonly text: string;
  readonly mode: string;
  readonly sessionKey: string | null;
  readonly outcome: "queued" | "coalesced";
  readonly atMs: number;
}

export interface HookAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

export interface FakeHook {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  /** Accepted wakes, also coalesced ones. */
  readonly wakes: WakeSeen[];
  readonly requests: { readonly body: string; readonly status: number }[];
  readonly script: (HookAnswer | "hang")[];
  enabled: boolean;
  allowSessionKey: boolean;
  /** Between taking a wake and answering. */
  answerAfterMs: () => number;
  stop(): void;
}

export function startFakeHook(port = 0): FakeHook {
  const wakes: WakeSeen[] = [];
  const requests: FakeHook["requests"] = [];
  const script: FakeHook["script"] = [];
  const token = "fake-hook-token";
  const fake: Pick<FakeHook, "enabled" | "allowSessionKey" | "answerAfterMs"> = {
    enabled: true,
    allowSessionKey: false,
    answerAfterMs: () => 0,
  };

  const wake = (req: Request, text: string): Response => {
    const plain = (body: string, status: number, headers = {}) =>
      new Response(body, { status, headers: { "Content-Type": "text/plain; charset=utf-8", ...headers } });
    const bad = (error: string, status = 400) => Response.json({ ok: false, error }, { status });
    if (!fake.enabled) return plain("Not Found", 404);
    if (req.method !== "POST") return plain("Method Not Allowed", 405, { Allow: "POST" });
    if (req.headers.get("authorization") !== `Bearer ${token}`) return plain("Unauthorized", 401);
    if (text.length > 256 * 1024) return bad("payload too large", 413);
    let json: { text?: unknown; mode?: unknown; sessionKey?: unknown };
    try {
      json = JSON.parse(text);
    } catch (error) {
      return bad(String(error));
    }
    const said = typeof json.text === "string" ? json.text.trim() : "";
    if (said === "") return bad("text required");
    const mode = json.mode === "next-heartbeat" ? "next-heartbeat" : "now";
    const sessionKey = typeof json.sessionKey === "string" ? json.sessionKey : null;
    if (sessionKey !== null && !fake.allowSessionKey)
      return bad(
        "sessionKey is disabled for externally supplied hook payload values; set hooks.allowRequestSessionKey=true to enable",
      );
    if (sessionKey !== null && mode !== "now") return bad("sessionKey requires mode=now");
    const last = wakes.at(-1);
    const outcome = last?.text === said && last.sessionKey === sessionKey ? "coalesced" : "queued";
    wakes.push({ text: said, mode, sessionKey, outcome, atMs: Date.now() });
    return Response.json({ ok: true, mode, eventOutcome: outcome });
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    async fetch(req) {
      const { pathname } = new URL(req.url);
      if (pathname === "/healthz") return Response.json({ ok: true, status: "live" });
      if (pathname === "/readyz") return Response.json({ ready: true, failing: [] });
      const body = await req.text();
      const next = script.shift();
      if (next === "hang") return new Promise<Response>(() => {});
      const answer = next
        ? new Response(next.body ?? "", { status: next.status, headers: next.headers ?? {} })
        : pathname === "/hooks/wake"
          ? wake(req, body)
          : new Response("Not Found", { status: 404 });
      requests.push({ body, status: answer.status });
      const waitMs = fake.answerAfterMs();
      if (waitMs > 0) await Bun.sleep(waitMs);
      return answer;
    },
  });
  const bound = server.port ?? 0;
  return Object.assign(fake, {
    url: `http://127.0.0.1:${bound}/hooks/wake`,
    port: bound,
    token,
    wakes,
    requests,
    script,
    stop: () => void server.stop(true),
  });
}
