/** `version` */
import { VERSION } from "../../lib/version.ts";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { asJson } from "../print.ts";

export function run(context: Context): number {
  if (!asJson(context, { version: VERSION })) context.io.out.line(`agent-harness ${VERSION}`);
  return EXIT.ok;
}
