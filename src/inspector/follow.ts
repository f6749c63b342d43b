/**
 * Whether the end of what scrolls is followed: by who stands at it. Who scrolls up leaves it, by however little, also
 * in the very moment in which something is drawn; who comes near it again stands there again.
 */
export interface Follow {
  /** What is drawn is followed by `toEnd`. Looks first whether the reader has scrolled. */
  isOn(): boolean;
  set(on: boolean): void;
  /** Looks again where the reader stands. */
  settle(): void;
  /** Scrolled by the page: says nothing of what the reader wants. */
  toEnd(): void;
  moveBy(px: number): void;
}

const NEAR_PX = 64;
/** At the end itself; fractions of a pixel are left. */
const AT_PX = 2;

/** `hasMore`: what is shown last is not the end. */
export function createFollow(log: HTMLElement, hasMore: () => boolean): Follow {
  let on = true;
  let upwards = false;
  let top = 0;
  const isWithin = (px: number): boolean => log.scrollHeight - log.scrollTop - log.clientHeight <= px;
  const moveTo = (to: number): void => {
    log.scrollTop = to;
    top = log.scrollTop;
  };
  /** The reader's scrolling, which its event may tell too late. */
  const notice = (): void => {
    // What became shorter is scrolled up by the browser, to its end.
    if (log.scrollTop !== top) upwards = log.scrollTop < top && !isWithin(AT_PX);
    top = log.scrollTop;
    if (upwards) on = false;
  };
  log.addEventListener("scroll", notice, { passive: true });
  return {
    isOn() {
      notice();
      return on;
    },
    set(value) {
      on = value;
      upwards = false;
    },
    settle() {
      notice();
      on = !upwards && isWithin(NEAR_PX) && !hasMore();
    },
    toEnd: () => moveTo(log.scrollHeight),
    moveBy: (px) => moveTo(log.scrollTop + px),
  };
}
