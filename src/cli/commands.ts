/** Every command there is, in the order of the help. */
import type { Command } from "./command.ts";
import { BOX } from "./table/box.ts";
import { LOOK } from "./table/look.ts";

export const COMMANDS: readonly Command[] = [...LOOK, ...BOX];
