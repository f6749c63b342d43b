/**
 * Buttons that have just appeared or moved do nothing: whoever aimed at what stood there before must not answer by
 * accident. One such watch for a place in which cards come and go.
 */
const QUIET_MS = 400;

export interface Stillness {
  /** Something came, went or moved. */
  disturb(): void;
  readonly isStill: boolean;
  close(): void;
}

export function watchStillness(place: Element): Stillness {
  let disturbedAt = performance.now();
  const disturb = (): void => void (disturbedAt = performance.now());
  const sizes = new ResizeObserver(disturb);
  sizes.observe(place);
  return {
    disturb,
    get isStill() {
      return performance.now() - disturbedAt >= QUIET_MS;
    },
    close: () => sizes.disconnect(),
  };
}
