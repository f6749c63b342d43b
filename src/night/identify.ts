/** The edge of `identity.ts`: the program's files, and the salt of this store. */
import { realpathSync } from "node:fs";
import type { Payer } from "../agents/run-settings.ts";
import { hmacSha256, randomHex } from "../lib/digest.ts";
import { tryJson } from "../lib/json.ts";
import { readSmallFile } from "../process/agent-file.ts";
import type { Store } from "../store/database.ts";
import { accountSalt } from "../store/limits.ts";
import { identityOf } from "./identity.ts";

/** A login is a few hundred bytes; what Claude Code keeps beside it can be much more. */
const MAX_BYTES = 4 * 1024 * 1024;

export function createIdentify(store: Store): (payer: Payer) => string {
  const salt = Buffer.from(accountSalt(store, () => randomHex(32)));
  return (payer) =>
    identityOf(payer, {
      readJson: (path) => tryJson(readSmallFile(path, MAX_BYTES) ?? ""),
      hash: (secret) => hmacSha256(salt, secret).toString("hex").slice(0, 10),
      realPath(path) {
        try {
          return realpathSync(path);
        } catch {
          return path;
        }
      },
    });
}
