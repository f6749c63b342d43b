/**
 * What a command needs to find the daemon, and nothing else: a config whose secrets only the daemon's unit can read
 * must not stop a command that needs none of them.
 */
import { readSecretFile } from "../lib/secrets.ts";
import type { Address } from "../lib/address.ts";
import type { FileOptions } from "./file.ts";
import type { HarnessFile } from "./harness.ts";
import { harnessSpec } from "./harness.ts";
import { addressesOf } from "./listen.ts";
import type { ConfigResult, ConfigSpec } from "./load.ts";
import { loadConfig } from "./load.ts";
import { bearerToken } from "./values.ts";

export interface ClientConfig {
  readonly addresses: readonly Address[];
  readonly token: string | null;
  /** Why the config's token could not be read; only of interest when the daemon wants one. */
  readonly tokenProblem: string | null;
}

const clientSpec: ConfigSpec<HarnessFile, ClientConfig> = {
  ...harnessSpec,
  env: harnessSpec.env.filter(({ variable }) => /^AH_(HOST|PORT|LISTEN|AUTH_TOKEN)$/.test(variable)),
  resolve(file, { env, problem }) {
    const { token, tokenFile } = file.auth ?? {};
    const read = token === undefined && tokenFile !== undefined ? readSecretFile(tokenFile, env) : null;
    const good = read?.ok === true && bearerToken.parse(read.value, "", []) !== undefined;
    return {
      addresses: addressesOf(file, problem),
      token: token ?? (read?.ok === true && good ? read.value : null),
      tokenProblem:
        read === null || good ? null : `auth.tokenFile: ${read.ok ? `${read.path} holds no token` : read.problem}`,
    };
  },
};

export function loadClientConfig(options: FileOptions): ConfigResult<ClientConfig> {
  return loadConfig(clientSpec, options);
}
