/** Every command there is, in the order of the help. */
import type { Command } from "./command.ts";
import { ACT } from "./table/act.ts";
import { BOX } from "./table/box.ts";
import { FLEET } from "./table/fleet.ts";
import { LOOK } from "./table/look.ts";
import { MANAGE } from "./table/manage.ts";
import { WORK } from "./table/work.ts";

export const COMMANDS: readonly Command[] = [...ACT, ...LOOK, ...WORK, ...MANAGE, ...FLEET, ...BOX];
