// One clock for all relative times: it ticks only while somebody looks.
import { useSyncExternalStore } from "react";

/** How often relative times are written anew. */
const TICK_MS = 5_000;

let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const lookers = new Set<() => void>();

function look(listener: () => void): () => void {
	now = Date.now();
	lookers.add(listener);
	timer ??= setInterval(() => {
		now = Date.now();
		for (const l of [...lookers]) l();
	}, TICK_MS);
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
