// One clock for all relative times: it ticks only while somebody looks.
import { useSyncExternalStore } from "react";

/** How often relative times are written anew. */
const TICK_MS = 5_000;
/** Closer than this two moments are the same to a person. */
const SAME_MS = 500;

let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const lookers = new Set<() => void>();

function tick(): void {
	now = Date.now();
	for (const l of [...lookers]) l();
}

function look(listener: () => void): () => void {
	lookers.add(listener);
	timer ??= setInterval(tick, TICK_MS);
	// Two times on one screen never tell of two presents.
	if (Date.now() - now > SAME_MS) queueMicrotask(tick);
	return () => {
		lookers.delete(listener);
		if (lookers.size > 0) return;
		clearInterval(timer);
		timer = undefined;
	};
}

/** The present, in milliseconds, at most one tick old. */
export function useNow(): number {
	return useSyncExternalStore(look, () => now);
}
