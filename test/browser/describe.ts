/** `describe` for tests that need a browser: where it cannot be had they are skipped, and the reason is told. */
import { afterAll, describe, setDefaultTimeout } from "bun:test";
import type { Browser } from "./chromium.ts";
import { found, launch } from "./chromium.ts";

if ("skip" in found) console.log(`skipped: the browser: ${found.skip}`);

/** A browser on a busy machine takes seconds for what takes it milliseconds on a free one. */
const TEST_TIMEOUT_MS = 240_000;

/** One browser for the file; each test asks `browser()` for it. */
export function describeInBrowser(name: string, tests: (browser: () => Promise<Browser>) => void): void {
  let started: Promise<Browser> | undefined;
  setDefaultTimeout(TEST_TIMEOUT_MS);
  describe.skipIf("skip" in found)(name, () => {
    afterAll(async () => (await started)?.close());
    tests(() => (started ??= launch()));
  });
}
