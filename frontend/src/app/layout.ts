// The panes of this page come back as they were when it is loaded again. A
// browser tab remembers its own; the window, which is one, remembers for good.
// Each home has panes of its own: the windows of all homes share one memory.
import type { DockviewApi, SerializedDockview } from "dockview-react";

const keyOf = (home: string) => `atelier.layout ${home}`;
/** Panes that come back; a page with more begins with these. */
const MOST_PANES = 32;

/** Remembers the panes after each change, until the page is gone. */
export function keepLayout(dock: DockviewApi, memory: Storage, home: string): void {
	dock.onDidLayoutChange(() => {
		try {
			memory.setItem(keyOf(home), JSON.stringify(dock.toJSON()));
		} catch {
			// A full or forbidden memory costs the layout of the next load, nothing else.
		}
	});
}

/** Opens the remembered panes whose terminals are known; false when no terminal is among them. */
export function restoreLayout(
	dock: DockviewApi,
	memory: Storage,
	home: string,
	known: (id: string) => boolean,
): boolean {
	const kept = read(memory, keyOf(home));
	if (!kept) return false;
	try {
		dock.fromJSON(kept);
	} catch {
		memory.removeItem(keyOf(home));
		dock.clear();
		return false;
	}
	for (const panel of [...dock.panels]) {
		const terminal = terminalOf(panel.id);
		if (terminal !== undefined && !known(terminal)) dock.removePanel(panel);
	}
	return dock.panels.some((panel) => terminalOf(panel.id) !== undefined);
}

function terminalOf(panel: string): string | undefined {
	return panel.startsWith("terminal:") ? panel.slice("terminal:".length) : undefined;
}

function read(memory: Storage, key: string): SerializedDockview | undefined {
	try {
		const kept = JSON.parse(memory.getItem(key) ?? "null") as SerializedDockview | null;
		if (!kept?.panels || Object.keys(kept.panels).length > MOST_PANES) return undefined;
		return Object.keys(kept.panels).length > 0 ? kept : undefined;
	} catch {
		return undefined;
	}
}
