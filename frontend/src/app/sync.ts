// Keeps the store in step with the core: two streams and a status, each begun
// again after a failure, with waits that grow and end as soon as one answers.
import type { Studio } from "../domain/studio";
import type { Fault } from "../domain/types";
import type { Store } from "../store/store";
import { faultOf } from "../wire/faults";

/** Events asked for at the start: a few hundred screens of History. */
const NEWEST_EVENTS = 2_000;
const FIRST_WAIT_MS = 250;
/** A core that comes back is seen within this. */
const LONGEST_WAIT_MS = 4_000;
/** How often the core's own state (read-only, names) is asked for. */
const STATUS_MS = 10_000;

/** What sync can be told by the shell. */
export interface Sync {
	/** Asks for the status now, for example after a refused write. */
	refresh(): void;
	stop(): void;
}

/** Starts to follow the core. `forget` drops a session that the core does not know. */
export function startSync(store: Store, studio: Studio, forget: () => void): Sync {
	const abort = new AbortController();
	const { signal } = abort;
	const sleepers = new Set<() => void>();
	const failed = (fault: Fault) => {
		if (signal.aborted) return;
		if (fault.reason.includes("session")) return forget();
		if (fault.code === "unauthenticated") {
			store.setConnection("locked", Date.now(), fault);
			abort.abort();
		} else store.setConnection("offline", Date.now(), fault);
	};
	const readStatus = async () => {
		try {
			store.setStatus(await studio.status(signal));
		} catch {
			// The streams tell that the core is gone; the status follows them.
		}
	};
	const follow = async (once: (began: () => void) => Promise<void>) => {
		let wait = FIRST_WAIT_MS;
		while (!signal.aborted) {
			try {
				await once(() => {
					wait = FIRST_WAIT_MS;
				});
			} catch (error) {
				failed(faultOf(error));
			}
			if (signal.aborted) return;
			await pause(wait);
			wait = Math.min(wait * 2, LONGEST_WAIT_MS);
		}
	};
	const pause = (ms: number) =>
		new Promise<void>((resolve) => {
			const awake = () => {
				clearTimeout(timer);
				sleepers.delete(awake);
				resolve();
			};
			const timer = setTimeout(awake, ms);
			sleepers.add(awake);
		});

	void follow(async (began) => {
		for await (const list of studio.watchTerminals(signal)) {
			began();
			if (list.partial) store.changeTerminals(list.terminals);
			else store.listTerminals(list.terminals);
			if (store.get().connection.phase !== "online") void readStatus();
			store.setConnection("online", Date.now());
		}
	});
	void follow(async (began) => {
		for await (const events of studio.watchEvents(NEWEST_EVENTS, signal)) {
			began();
			store.addEvents(events, NEWEST_EVENTS);
		}
	});
	const timer = setInterval(() => void readStatus(), STATUS_MS);
	const online = () => {
		for (const awake of [...sleepers]) awake();
	};
	globalThis.addEventListener?.("online", online);
	return {
		refresh: () => void readStatus(),
		stop() {
			abort.abort();
			clearInterval(timer);
			globalThis.removeEventListener?.("online", online);
			online();
		},
	};
}
