// Bounds of a pane's link, each with the reason for its number.

/** Recorded output replayed when a pane opens: a few thousand full screens, 0.1 s to draw. */
export const TAIL_BYTES = 2n << 20n;
/** Behind by more than this the shim skips to the end: nobody reads 8 MiB as it scrolls by. */
export const MAX_LAG = 8n << 20n;
/** Undrawn output at which reading stops: half a second of drawing. */
export const HIGH_WATER = 4 << 20;
/** Newest output kept while the screen catches up over a carrier that cannot be paused. */
export const HELD_BYTES = 2 << 20;
/** Undrawn output at which reading goes on. */
export const LOW_WATER = 1 << 20;
/** The first wait before connecting again. */
export const FIRST_WAIT_MS = 250;
/** The longest wait before connecting again: a core that comes back is seen in 5 s. */
export const LONGEST_WAIT_MS = 5_000;
