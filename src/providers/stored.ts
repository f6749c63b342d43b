/** Readers of stored shapes that several codecs keep: words of the product, and what is sent again as it was. */
import { aNumber, anything, aText, listOf, mapOf, maybe, oneOf, orNull, type Reader, shapeOf } from "../lib/stored.ts";
import { TURN_OUTCOMES, type TurnError, type TurnOutcome } from "../words/agent.ts";
import { LIMIT_CLASSES, type LimitFound } from "../words/limits.ts";
import { DECISIONS, PERMISSION_KINDS, type Usage } from "../words/said.ts";
import type { ProviderFact } from "./contract.ts";
import type { Fields } from "./read.ts";

type PermissionFact = Extract<ProviderFact, { type: "permission" }>;

export const anOutcome: Reader<TurnOutcome> = oneOf(...TURN_OUTCOMES);

export const aLimit: Reader<LimitFound> = shapeOf<LimitFound>(
  { class: oneOf(...LIMIT_CLASSES), scope: aText, resetsAt: orNull(aNumber), message: aText },
  { resetsAt: null, message: "" },
);

export const anError: Reader<TurnError> = shapeOf<TurnError>({ code: aText, message: aText });

export const aUsage: Reader<Usage> = shapeOf<Usage>({
  inputTokens: maybe(aNumber),
  outputTokens: maybe(aNumber),
  cacheReadTokens: maybe(aNumber),
  cacheWriteTokens: maybe(aNumber),
  costUsd: maybe(aNumber),
});

export const theFields: Reader<Fields> = (json, path) => mapOf(anything)(json, path);

export const aPermission: Reader<PermissionFact> = shapeOf<PermissionFact>({
  type: oneOf("permission"),
  id: aText,
  kind: oneOf(...PERMISSION_KINDS),
  tool: aText,
  title: aText,
  detail: anything,
  options: listOf(oneOf(...DECISIONS)),
  data: anything,
  subagent: maybe(aText),
});
