/** The daemon's metrics page: in the format Prometheus reads, behind the token, and true. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";

let box: Box;
beforeAll(async () => {
  box = await makeBox({
    auth: { token: "a-token-of-the-test" },
    providers: { sh: { kind: "command", command: ["cat"] } },
  });
  await box.start();
});
afterAll(async () => {
  await box.kill();
  await box.close();
});

const auth = { authorization: "Bearer a-token-of-the-test" };

test("counts agents by status; nothing without the token", async () => {
  const api = box.api();
  await api.call("POST", "/projects", { name: "p", cwd: box.cwd }, auth);
  const made = await api.call("POST", "/projects/p/agents", { provider: "sh", task: "hello" }, auth);
  await api.call("GET", `/projects/p/agents/${String(made.body["agent"]?.["id"])}/wait?until=idle`, undefined, auth);
  expect((await fetch(`${api.url}/metrics`)).status).toBe(401);
  for (const path of ["/metrics", "/api/v1/metrics"]) {
    const response = await fetch(`${api.url}${path}`, { headers: auth });
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    expect(text).toContain('agent_harness_agents{status="idle"} 1\n');
    expect(text).toContain('agent_harness_agents{status="processing"} 0\n');
    expect(text).toContain("agent_harness_ready 1\n");
    expect(text).toContain("# TYPE agent_harness_events_total counter\n");
    expect(text).not.toContain("a-token-of-the-test");
  }
});
