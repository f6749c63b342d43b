/** Pi's own folder (`PI_CODING_AGENT_DIR`, or `.pi/agent` in HOME) with a stub model as its provider. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The model is `stub/stub-1`, its key comes from STUB_API_KEY. Retries follow fast. */
export function writePiHome(folder: string, stubUrl: string): void {
  mkdirSync(folder, { recursive: true });
  const model = {
    id: "stub-1",
    name: "stub-1",
    reasoning: false,
    input: ["text"],
    cost: { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 },
    contextWindow: 1_000_000,
    maxTokens: 4096,
  };
  const provider = {
    baseUrl: stubUrl,
    api: "openai-completions",
    apiKey: "$STUB_API_KEY",
    compat: { supportsDeveloperRole: false },
    models: [model],
  };
  writeFileSync(join(folder, "models.json"), JSON.stringify({ providers: { stub: provider } }));
  writeFileSync(
    join(folder, "settings.json"),
    JSON.stringify({ enableInstallTelemetry: false, retry: { baseDelayMs: 50 } }),
  );
}
